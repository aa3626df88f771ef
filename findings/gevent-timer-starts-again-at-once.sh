#!/usr/bin/env bash
# A gevent timer that has run fires at once when it is started again.
#
# `loop.timer(after)` runs its callback after so many seconds. Stopped before it has run and started again, it waits
# anew. Once it has run, `start` makes it due immediately, whatever `after` is: a callback that starts its own timer
# for the next time runs in a tight loop. A repeating timer (`loop.timer(after, repeat)`) and its `again()` wait.
# Seen on 2026-11-28 with gevent 26.9.0 (PyPI), `loop.timer(0.3)`:
#   first: 0.3 s
#   stopped and started: 0.3 s
#   started after it has run: 0.0 s
#   repeating, again(): 0.3 s
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q gevent==26.9.0

cat >timer.py <<'PYTHON'
import time

import gevent

loop = gevent.get_hub().loop


def waited(begin):
    """How long it takes from `begin` until the callback that it is given runs."""
    ran = []
    begun = time.monotonic()
    begin(lambda: ran.append(time.monotonic()))
    gevent.sleep(0.6)
    return f"{ran[0] - begun:.1f} s"


timer = loop.timer(0.3)
print("first:", waited(timer.start))
other = loop.timer(0.3)
other.start(print)
other.stop()
print("stopped and started:", waited(other.start))
print("started after it has run:", waited(timer.start))
repeating = loop.timer(0.3, 0.3)
repeating.start(lambda: repeating.stop())
gevent.sleep(0.6)
print("repeating, again():", waited(repeating.again))
PYTHON

env/bin/python timer.py | tee seen.txt
diff seen.txt - <<'SEEN'
first: 0.3 s
stopped and started: 0.3 s
started after it has run: 0.0 s
repeating, again(): 0.3 s
SEEN

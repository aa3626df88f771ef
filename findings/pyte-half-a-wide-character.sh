#!/usr/bin/env bash
# pyte does not take a wide character apart when a narrow one is written over one of its halves.
#
# A terminal blanks the other half. In pyte, over the right half, the narrow one is not shown; over the left
# half, the right one stays behind as an empty cell, for which `display` raises an IndexError.
# Seen on 2026-11-28 with pyte 0.8.2:
#   '日' then 'x' over its right half: '日'
#   '日' then 'x' over its left half: IndexError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q pyte==0.8.2
cat >try.py <<'PYTHON'
import pyte

for half, output in {"right": "日\x1b[2Gx", "left": "日\rx"}.items():
    screen = pyte.Screen(10, 1)
    pyte.Stream(screen).feed(output)
    try:
        seen = repr(screen.display[0].rstrip())
    except Exception as error:
        seen = type(error).__name__
    print(f"'日' then 'x' over its {half} half: {seen}")
PYTHON
env/bin/python try.py | tee seen.txt
diff seen.txt - <<'SEEN'
'日' then 'x' over its right half: '日'
'日' then 'x' over its left half: IndexError
SEEN

#!/usr/bin/env bash
# ijson gives no value of a stream until its read of 64 KiB is full or the stream has ended.
#
# It parses what it has read piece by piece, but asks the file for 64 KiB at once, which a pipe's or a socket's
# file object waits for. With buf_size=1 each value comes as soon as it is there.
# Seen on 2026-11-28 with ijson 3.6.0 and one object a second, three in all:
#   ijson.items(file, ...): first value after the last was written
#   buf_size=1: first value while others were still to come
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q ijson==3.6.0
cat >try.py <<'PYTHON'
import sys, time
import ijson

name, *size = sys.argv[1:]
began = time.monotonic()
next(ijson.items(sys.stdin.buffer, "", multiple_values=True, **({"buf_size": int(size[0])} if size else {})))
early = time.monotonic() - began < 2
print(f"{name}: first value", "while others were still to come" if early else "after the last was written")
sys.stdin.buffer.read()
PYTHON
objects() { for n in 1 2 3; do echo "{\"n\": $n}"; sleep 1; done; }
objects | env/bin/python try.py "ijson.items(file, ...)" | tee seen.txt
objects | env/bin/python try.py "buf_size=1" 1 | tee -a seen.txt
diff seen.txt - <<'SEEN'
ijson.items(file, ...): first value after the last was written
buf_size=1: first value while others were still to come
SEEN

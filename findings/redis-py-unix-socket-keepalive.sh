#!/usr/bin/env bash
# redis-py takes socket_keepalive for redis:// and rediss://, and raises TypeError with it for unix://.
#
# The error comes with the first command, not when the client is made, so one set of options does not do for
# whatever address is configured.
# Seen on 2026-11-28 with redis 8.1.0 (no server is needed: it fails before it connects):
#   redis://127.0.0.1:1: ConnectionError
#   unix:///none.sock: TypeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q redis==8.1.0
cat >try.py <<'PYTHON'
import redis

for url in ("redis://127.0.0.1:1", "unix:///none.sock"):
    client = redis.Redis.from_url(url, socket_keepalive=True)
    try:
        client.ping()
    except Exception as error:
        print(f"{url}: {type(error).__name__}")
PYTHON
env/bin/python try.py | tee seen.txt
diff seen.txt - <<'SEEN'
redis://127.0.0.1:1: ConnectionError
unix:///none.sock: TypeError
SEEN

#!/usr/bin/env bash
# python-socketio's client runs each event's handler in a thread of its own: a later event can be done first.
#
# The server sends 1, 2, 3 on one connection, in this order. The handler of 1 is slow, and the others do not wait.
# Whoever keeps "the newest seq" in such a handler has to take the larger one.
# Seen on 2026-11-28 with python-socketio 5.18.1 (websocket-client 1.9.0) and a socket.io 4.8.4 server:
#   sent 1 2 3, handled [2, 3, 1]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q python-socketio==5.18.1 requests==2.32.5 websocket-client==1.9.0
npm install --silent --no-audit --no-fund socket.io@4.8.4 >npm.txt 2>&1 || { cat npm.txt; exit 1; }
cat >serve.mjs <<'JAVASCRIPT'
import { createServer } from 'node:http';
import { Server } from 'socket.io';
const http = createServer();
new Server(http).on('connection', (socket) => { for (const n of [1, 2, 3]) socket.emit('number', n); });
http.listen(0, '127.0.0.1', () => console.log(http.address().port));
JAVASCRIPT
cat >read.py <<'PYTHON'
import sys, time
import socketio

client, handled = socketio.Client(), []

@client.on("number")
def number(n):
    time.sleep({1: 1.0, 2: 0.0, 3: 0.5}[n])
    handled.append(n)

client.connect(sys.argv[1], transports=["websocket"])
time.sleep(2)
client.disconnect()
print("sent 1 2 3, handled", handled)
PYTHON
node serve.mjs >port.txt &
trap 'kill $!; rm -rf "$folder"' EXIT
until [ -s port.txt ]; do sleep 0.1; done
env/bin/python read.py "http://127.0.0.1:$(cat port.txt)" | tee seen.txt
diff seen.txt - <<'SEEN'
sent 1 2 3, handled [2, 3, 1]
SEEN

#!/usr/bin/env bash
# socket.io-client's list of transports is no list of fallbacks: the second is tried only with tryAllTransports.
#
# With transports: ['websocket', 'polling'] and a server, or a proxy, that has no WebSocket, the client repeats
# the first transport for ever. The option tryAllTransports (since 4.8) makes it go on to the next.
# Seen on 2026-11-28 with socket.io-client 4.8.4 and a socket.io 4.8.4 server that offers polling alone:
#   ["websocket","polling"]: websocket error
#   ["websocket","polling"], tryAllTransports: connected by polling
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund socket.io@4.8.4 socket.io-client@4.8.4 >npm.txt 2>&1 || { cat npm.txt; exit 1; }
cat >try.mjs <<'JAVASCRIPT'
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
const http = createServer();
new Server(http, { transports: ['polling'] });
http.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${http.address().port}`;
  const transports = ['websocket', 'polling'];
  for (const tryAllTransports of [false, true]) {
    const name = JSON.stringify(transports) + (tryAllTransports ? ', tryAllTransports' : '');
    await new Promise((resolve) => {
      const socket = io(url, { transports, tryAllTransports, reconnectionAttempts: 3, reconnectionDelay: 50 });
      let last = '';
      socket.on('connect_error', (error) => { last = error.message; });
      socket.io.on('reconnect_failed', () => { console.log(`${name}: ${last}`); resolve(); });
      socket.on('connect', () => {
        console.log(`${name}: connected by ${socket.io.engine.transport.name}`);
        socket.disconnect();
        resolve();
      });
    });
  }
  process.exit(0);
});
JAVASCRIPT
node try.mjs | tee seen.txt
diff seen.txt - <<'SEEN'
["websocket","polling"]: websocket error
["websocket","polling"], tryAllTransports: connected by polling
SEEN

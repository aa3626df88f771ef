#!/usr/bin/env bash
# npm's compression holds an event stream back until it ends, unless Cache-Control has no-transform.
#
# It compresses text/event-stream by default and flushes nothing by itself, so a client that accepts gzip, as
# every browser does, gets no event while the stream is open (webpack-dev-server and Next.js use it).
# Seen on 2026-11-28 with compression 1.8.1 and express 5.2.1, one event at once and the end after 2 s:
#   Cache-Control: no-cache: the event comes with the end
#   Cache-Control: no-cache, no-transform: the event comes at once
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund compression@1.8.1 express@5.2.1 >npm.txt 2>&1 || { cat npm.txt; exit 1; }
cat >try.mjs <<'JAVASCRIPT'
import http from 'node:http';
import { createGunzip } from 'node:zlib';
import compression from 'compression';
import express from 'express';
const app = express();
app.use(compression());
let ended;
app.get('/events', (request, response) => {
  response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': request.query.cache });
  response.write('data: one\n\n');
  setTimeout(() => { ended = true; response.end(); }, 2000);
});
const server = app.listen(0, '127.0.0.1', async () => {
  for (const cache of ['no-cache', 'no-cache, no-transform']) {
    ended = false;
    await new Promise((resolve) => {
      const { port } = server.address();
      const path = `/events?cache=${encodeURIComponent(cache)}`;
      http.get({ port, host: '127.0.0.1', path, headers: { 'Accept-Encoding': 'gzip' } }, (response) => {
        const gzipped = response.headers['content-encoding'] === 'gzip';
        const body = gzipped ? response.pipe(createGunzip()) : response;
        body.once('data', () => console.log(`Cache-Control: ${cache}: the event comes ${ended ? 'with the end' : 'at once'}`));
        body.on('end', resolve).resume();
      });
    });
  }
  process.exit(0);
});
JAVASCRIPT
node try.mjs | tee seen.txt
diff seen.txt - <<'SEEN'
Cache-Control: no-cache: the event comes with the end
Cache-Control: no-cache, no-transform: the event comes at once
SEEN

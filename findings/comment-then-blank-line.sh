#!/usr/bin/env bash
# An event stream's comment that a blank line follows is an empty message for two clients.
#
# HTML's "Server-sent events" drops an event whose data is empty: ": still here", then a blank line,
# dispatches nothing. A browser's EventSource does so.
# Seen on 2026-11-28 with sseclient 0.0.27 (PyPI) and @microsoft/fetch-event-source 2.0.1 (npm):
#   sseclient: ['', 'one']
#   fetch-event-source: ["","one"]
# Where the comment line stands alone, neither has an empty message:
#   sseclient: ['one']
#   fetch-event-source: ["one"]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install -q sseclient==0.0.27
npm install --silent --no-audit --no-fund @microsoft/fetch-event-source@2.0.1 >npm.txt 2>&1 || { cat npm.txt; exit 1; }

cat >serve.py <<'PYTHON'
import http.server, sys

BODIES = {"/blank": b": still here\n\ndata: one\n\n", "/alone": b": still here\ndata: one\n\n"}

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(BODIES[self.path])

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
cat >read.py <<'PYTHON'
import itertools, sys
from sseclient import SSEClient

seen = []
for message in SSEClient(sys.argv[1]):
    seen.append(message.data)
    if message.data == "one":
        break
print("sseclient:", seen)
PYTHON
cat >read.mjs <<'JAVASCRIPT'
import { fetchEventSource } from '@microsoft/fetch-event-source';
// The package is for browsers: these are the two objects of theirs that it touches.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };
const seen = [];
await fetchEventSource(process.argv[2], {
  onmessage: (message) => seen.push(message.data),
  onclose: () => { console.log('fetch-event-source:', JSON.stringify(seen)); process.exit(0); },
});
JAVASCRIPT

python3 serve.py >port.txt &
trap 'kill $!; rm -rf "$folder"' EXIT
until [ -s port.txt ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat port.txt)
for path in blank alone; do
  env/bin/python read.py "$url/$path"
  node read.mjs "$url/$path"
done | tee seen.txt
diff seen.txt - <<'SEEN'
sseclient: ['', 'one']
fetch-event-source: ["","one"]
sseclient: ['one']
fetch-event-source: ["one"]
SEEN

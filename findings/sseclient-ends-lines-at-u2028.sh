#!/usr/bin/env bash
# sseclient ends a line of an event stream at U+0085, U+2028, U+2029, VT and FF, too, and drops what is behind it in
# silence: JSON is cut in its middle. The HTML standard ends lines at CR, LF and CRLF alone, and JSON may hold the first
# three unescaped. httpx-sse and requests-sse read the same stream whole.
#
# Seen on 2026-11-29 with sseclient 0.0.27, httpx-sse 0.4.3 (httpx 0.28.1), requests-sse 0.5.3:
#   sseclient: cut: U+000B U+000C U+0085 U+2028 U+2029
#   httpx-sse: cut: nothing
#   requests-sse: cut: nothing
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip -q --disable-pip-version-check install \
  sseclient==0.0.27 httpx-sse==0.4.3 httpx==0.28.1 requests-sse==0.5.3 2>pip.txt || { cat pip.txt; exit 1; }
cat >look.py <<'LOOK'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice

import httpx
import httpx_sse
import requests_sse
import sseclient

ENDS = "\x0b\x0c\x85\u2028\u2029"


class Stream(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()
        for end in ENDS:
            self.wfile.write(f"data: before{end}behind\n\n".encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"


def tell(client, events):
    got = [event.data for event in islice(events, len(ENDS))]
    cut = [f"U+{ord(end):04X}" for end, data in zip(ENDS, got, strict=True) if data != f"before{end}behind"]
    print(f"{client}: cut: {' '.join(cut) or 'nothing'}")


tell("sseclient", sseclient.SSEClient(url))
with httpx.Client() as http, httpx_sse.connect_sse(http, "GET", url) as stream:
    tell("httpx-sse", stream.iter_sse())
with requests_sse.EventSource(url) as stream:
    tell("requests-sse", stream)
LOOK
venv/bin/python look.py | tee seen.txt
diff seen.txt - <<'SEEN'
sseclient: cut: U+000B U+000C U+0085 U+2028 U+2029
httpx-sse: cut: nothing
requests-sse: cut: nothing
SEEN

#!/usr/bin/env bash
# curl --retry with -T - sends what is left of the pipe, and exits 0.
#
# After a 503 it tries again, but what it had read from the pipe until it noticed is gone: the second request has
# only the rest, the server answers 200, and nothing tells of the loss.
# Seen on 2026-11-28 with curl 7.88.1 and a body of "first", after 2 s "second", after 3 s more "third":
#   503 after: first
#   200 after: third
#   curl exits 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >serve.py <<'PYTHON'
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers = [503, 200]

    def do_PUT(self):
        status, body = self.answers.pop(0), b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
            if status == 503:
                break  # It answers while the body is still being sent.
        print(status, "after:", body.decode().strip(), flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
open("port.txt", "w").write(str(server.server_port))
server.handle_request()
server.handle_request()
PYTHON
python3 serve.py >seen.txt &
trap 'kill $! 2>/dev/null || true; rm -rf "$folder"' EXIT
until [ -s port.txt ]; do sleep 0.1; done
status=0
(echo first; sleep 2; echo second; sleep 3; echo third) |
  curl -sS --retry 1 --retry-delay 1 -H 'Expect:' -T - "http://127.0.0.1:$(cat port.txt)/log" || status=$?
wait $!
echo "curl exits $status" >>seen.txt
cat seen.txt
diff seen.txt - <<'SEEN'
503 after: first
200 after: third
curl exits 0
SEEN

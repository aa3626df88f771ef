#!/usr/bin/env bash
# curl uploads the first file alone of `-T one -T two URL`, and of `-T * URL`, as a shell writes it out, the first one to
# the second as if that were its address, then fetches the URL. Where the URL is the last argument, it exits 0 both times.
# `-T '{one,two}' URL` sends both: each -T belongs to one URL.
#
# Seen on 2026-11-29 with curl 7.88.1; the two files are one.xml and two.xml, each with its name in it:
#   -T one.xml -T two.xml URL: exit status 0, arrived: PUT one
#   -T *.xml URL: exit status 0, arrived: GET
#   -T {one.xml,two.xml} URL: exit status 0, arrived: PUT one, PUT two
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
curl --version | head -n 1
cat >server.py <<'SERVER'
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Note(BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        with Path("arrived").open("a") as arrived:
            arrived.write(f"{self.command} {body}".strip() + "\n")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Note)
Path("port").write_text(f"{server.server_port}\n")
server.serve_forever()
SERVER
python3 server.py &
server=$!
until [ -s port ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat port)/reports
printf one >one.xml
printf two >two.xml
look() {
  name=$1
  shift
  : >arrived
  status=0
  # The second file's name as a host is this machine, where nothing listens on port 80: no other host is asked.
  env -i PATH="$PATH" curl -s --resolve two.xml:80:127.0.0.1 --connect-timeout 5 "$@" "$url" >answer.txt || status=$?
  echo "$name URL: exit status $status, arrived: $(paste -sd , arrived | sed 's/,/, /g')"
}
{
  look "-T one.xml -T two.xml" -T one.xml -T two.xml
  look "-T *.xml" -T *.xml
  look "-T {one.xml,two.xml}" -T '{one.xml,two.xml}'
} | tee seen.txt
diff seen.txt - <<'SEEN'
-T one.xml -T two.xml URL: exit status 0, arrived: PUT one
-T *.xml URL: exit status 0, arrived: GET
-T {one.xml,two.xml} URL: exit status 0, arrived: PUT one, PUT two
SEEN

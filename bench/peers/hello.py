"""A Flask hello world behind Chef's own HTTP handler: what a POST costs before Chef does anything with it."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402

from flask import Flask  # noqa: E402

from chef.transport.http import Server  # noqa: E402

app = Flask(__name__)


@app.post("/api/updates")
def post_update() -> dict[str, str]:
    return {"hello": "world"}


if __name__ == "__main__":
    Server(("127.0.0.1", int(os.environ["PORT"])), app, lambda environ: False).serve_forever()

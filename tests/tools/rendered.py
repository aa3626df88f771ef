"""Pages as the server renders them: what is posted before, and the data that a page carries."""

from __future__ import annotations

import json
import re
from typing import Any

from flask.testing import FlaskClient


def post(client: FlaskClient, *updates: dict[str, Any]) -> None:
    """Post updates; anything but 200 fails the test."""
    answer = client.post("/api/updates", json=list(updates))
    assert answer.status_code == 200, answer.text


def carried(text: str, block: str) -> dict[str, Any]:
    """The content of one of a page's blocks of data."""
    found = re.search(rf'<script type="application/json" id="{block}">(.*?)</script>', text, re.DOTALL)
    assert found
    read: dict[str, Any] = json.loads(found[1])
    return read


def live(text: str) -> dict[str, Any]:
    """The state from which a page's live part goes on."""
    return carried(text, "live")

"""Share links for tests: made over HTTP, as somebody who may write does."""

from __future__ import annotations

from typing import Any

from flask import Flask


def share(app: Flask, address: str, level: str, days: int = 1, token: str | None = None) -> str:
    """The token of a new link to `jobs/JOB` or `projects/PROJECT`; `token` is the writer's."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    made: Any = app.test_client().post(
        f"/api/{address}/shares", json={"level": level, "days": days}, headers=headers
    )
    assert made.status_code == 201, made.text
    return str(made.json["token"])


def bearer(token: str) -> dict[str, str]:
    """The header of a request by a link."""
    return {"Authorization": f"Bearer {token}"}

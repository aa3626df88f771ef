"""The work of a stored update, in calls of functions: it must not grow unnoticed, on whatever machine."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from chef.domain.batches import Receipt
from chef.domain.latemasks import LateMasks
from chef.http.environ import HEAD, REQUEST_ID
from chef.store.writing import write
from tests.tools.counting import calls_of
from tests.tools.making import batch, open_store, update

# Some more than they were when this was written: 186 and 222.
MOST_OF_A_REQUEST, MOST_OF_A_TRANSACTION = 195, 233

BODY = json.dumps(
    {
        "type": "progress",
        "jobId": "job",
        "projectId": "web",
        "phase": "building",
        "progress": 50,
        "status": "building",
        "message": "compiling 17",
    }
).encode()


def test_a_progress_update_is_answered_within_so_many_calls(make_app: Callable[..., Flask]) -> None:
    """From the request's environ to its answer, without the store's own thread."""
    app, notes = make_app(), dict[str, Any]()

    def post() -> None:
        environ = request | {"wsgi.input": BytesIO(BODY)}
        assert b'"accepted":1' in b"".join(app.wsgi_app(environ, lambda *_: lambda part: None))

    builder = EnvironBuilder("/api/updates", method="POST", data=BODY, content_type="application/json")
    request = builder.get_environ() | {
        "REMOTE_ADDR": "127.0.0.1",
        REQUEST_ID: "one",
        HEAD: notes,
    }
    post()
    assert calls_of(post) <= MOST_OF_A_REQUEST


def test_a_progress_update_is_stored_within_so_many_calls(database_url: str) -> None:
    """In a transaction of the writer that has just written to the same job."""
    with open_store(database_url) as store:

        def store_one() -> None:
            with store._connections.writing() as connection:
                (receipt,) = write(connection, [next_one], LateMasks(), 65536, 64 * 1024 * 1024)
            assert isinstance(receipt, Receipt)
            assert receipt.accepted == 1

        for number in range(3):
            next_one = batch(update(phase="building", progress=50, status="building", message=f"{number}"))
            store_one()
        assert calls_of(store_one) <= MOST_OF_A_TRANSACTION

"""What lists filter by: the columns of a job's meta."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Row, select

from chef.store import Store
from chef.store.tables import jobs
from tests.tools.making import batch, log, open_store, update


@pytest.fixture
def store(any_database_url: str) -> Iterator[Store]:
    with open_store(any_database_url) as opened:
        yield opened


def columns(store: Store, job_id: str = "job") -> Row[Any]:
    names = ("kind", "run", "branch", "author")
    query = select(*(jobs.c[name] for name in names)).where(jobs.c.job_id == job_id)
    with store._connections.reading() as connection:
        return connection.execute(query).one()


def test_columns_follow_meta_whenever_it_changes(store: Store) -> None:
    store.append(batch(update(meta={"branch": "main"})))
    assert columns(store) == (None, None, "main", None)
    store.append(batch(update(meta={"branch": "topic", "run": 7}), log("a line")))
    assert columns(store) == (None, "7", "topic", None)
    store.append(batch(log("another line")))
    store.append(batch(update(meta={"run": ["no text"], "kind": "lint"})))
    store.append(batch(update("completed", meta={"author": "Amina"})))
    assert columns(store) == ("lint", None, "topic", "Amina")


def test_texts_that_begin_alike_stay_apart_however_long(store: Store) -> None:
    store.append(batch(update(meta={"branch": "b" * 9000 + "1"})))
    store.append(batch(update(job_id="other", meta={"branch": "b" * 9000 + "2"})))
    assert columns(store) != columns(store, "other")
    assert len(columns(store).branch) == 128

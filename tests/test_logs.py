"""What the server says about itself."""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator

import pytest

from chef.settings import logs

log = logging.getLogger("chef.test")


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Reads what was written; logging is as it was afterwards."""
    root, chef = logging.getLogger(), logging.getLogger("chef")
    before = list(root.handlers), root.level, chef.level
    yield lambda: capsys.readouterr().err
    root.handlers, (root.level, chef.level) = before[0], before[1:]
    logging.captureWarnings(False)


def fail(text: str) -> None:
    try:
        raise RuntimeError(text)
    except RuntimeError:
        log.exception("it failed")


def test_text_is_one_line_with_time_level_and_logger(stderr: Callable[[], str]) -> None:
    logs.configure("text")
    log.info("port %d", 3001)
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO chef\.test: port 3001\n"
    assert re.fullmatch(pattern, stderr())


def test_json_is_one_object_a_line(stderr: Callable[[], str]) -> None:
    logs.configure("json")
    log.warning("first\nsecond \ud800 é")
    fail("why")
    first, second = map(json.loads, stderr().splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {"level": "warning", "logger": "chef.test", "message": "first\nsecond \ud800 é"}
    assert second["message"] == "it failed"
    assert second["exception"].startswith("Traceback")
    assert second["exception"].endswith("RuntimeError: why")


def test_text_carries_the_traceback_below(stderr: Callable[[], str]) -> None:
    logs.configure("text")
    fail("why")
    first, *rest = stderr().splitlines()
    assert first.endswith("ERROR chef.test: it failed")
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == "RuntimeError: why"


def test_a_clients_value_cannot_forge_a_line(stderr: Callable[[], str]) -> None:
    logs.configure("text")
    log.info("job %s", "a\n2026-01-01T00:00:00.000Z INFO chef: forged\r\x1b[2J\x9b\tb")
    written = stderr()
    assert written.count("\n") == 1
    assert written.endswith(r"forged\r\x1b[2J\x9b\tb" + "\n")


@pytest.mark.parametrize("log_format", logs.FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2hunter2",
        "authorization: bearer hunter2",
        "GET /ws/?EIO=4&token=hunter2&x=1",
        "CHEF_JWT_SECRET=hunter2",
        "password=hunter2;",
        "connecting to postgres://user:hunter2@h/db",
        "redis://:hunter2@h",
        "got eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjEsImh1bnRlcjIiOjF9.hunter2_signature-x",
    ],
)
def test_what_looks_like_a_secret_is_not_written(
    log_format: str, text: str, stderr: Callable[[], str]
) -> None:
    logs.configure(log_format)
    log.info("%s", text)
    fail(text)
    written = stderr()
    assert written.count("***") == 2  # the message, and the last line of the traceback
    assert "hunter2" not in written
    assert "eyJ" not in written


def test_ordinary_text_stays_as_it_is(stderr: Callable[[], str]) -> None:
    logs.configure("text")
    text = "see https://chef.example/jobs/a@b?tail=5, the token has expired, Authorization: Bearer TOKEN"
    log.info("%s", text)
    assert stderr().endswith(f": {text}\n")


def test_a_second_call_changes_the_format_and_leaves_other_handlers(stderr: Callable[[], str]) -> None:
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    logs.configure("text")
    logs.configure("json")
    log.info("once")
    assert json.loads(stderr())["message"] == "once"
    assert other in logging.getLogger().handlers


def test_libraries_are_heard_from_warnings_on_and_chef_from_information_on(stderr: Callable[[], str]) -> None:
    logs.configure("text")
    logging.getLogger("alembic.runtime").info("chatter")
    log.debug("chatter")
    logging.getLogger("alembic.runtime").warning("heard")
    log.info("heard")
    assert [line.split(": ")[1] for line in stderr().splitlines()] == ["heard", "heard"]


def test_pythons_own_warnings_keep_the_format(stderr: Callable[[], str]) -> None:
    logs.configure("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)  # pytest's own catching came after the first
        logging.captureWarnings(True)
        warnings.warn("old ways", DeprecationWarning, stacklevel=1)
    entry = json.loads(stderr())
    assert entry["logger"] == "py.warnings"
    assert "old ways" in entry["message"]

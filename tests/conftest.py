"""What tests share: an application in the process, a served one, a real PostgreSQL. Nothing is skipped."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis_settings

from chef.domain.clock import Clock, now_ms
from chef.settings.config import Settings
from tests.tools import quick
from tests.tools.postgres import Postgres
from tests.tools.processes import watched_processes
from tests.tools.serving import Served, Serving, serve
from tests.tools.serving import serving as serving_until_the_end

if TYPE_CHECKING:  # loaded by the fixtures that need it, for the sake of runs that do not
    from flask import Flask
    from playwright.sync_api import Browser, Page

    from tests.tools.browser import Complaints

STARTING = {"start_server", "serving", "postgres", "browser"}
"""The fixtures that start processes."""
PLAN = pytest.StashKey[quick.Plan]()

# `make check` tries fewer examples, `make test` as many as Hypothesis itself would.
hypothesis_settings.register_profile("quick", max_examples=15, deadline=None)
hypothesis_settings.register_profile("full", deadline=None)
hypothesis_settings.load_profile("full")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="run the quick tests alone, with few examples")


def pytest_configure(config: pytest.Config) -> None:
    """What tests start gets the signals that a terminal's programs get, also under `nohup` and behind `&`."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    config.stash[PLAN] = {}
    if config.option.quick:
        config.option.markexpr = quick.EXPRESSION
        config.stash[PLAN] = quick.read_plan(config)
        if not config.getoption("--hypothesis-profile"):
            hypothesis_settings.load_profile("quick")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file that is known to hold no quick test need not be read for those."""
    return quick.is_left_out(config.stash[PLAN], collection_path) or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark, by what they ask for, what `make check` leaves out: a thousand applications take a minute."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "make_app" in fixtures:
            item.add_marker(pytest.mark.whole)
        if "browser" in fixtures:
            item.add_marker(pytest.mark.browser)
        if fixtures & STARTING:
            item.add_marker(pytest.mark.real)
    if config.option.quick and not any("::" in argument for argument in config.args):
        quick.keep_plan(config, config.stash[PLAN], items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """No test starts a process unless it carries `real`, so that `make check` stays quick."""
    with watched_processes() as started:
        yield
    assert item.get_closest_marker("real") or not started, f"not marked real, and starts {started}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A worker of pytest-xdist can send only what is UTF-8, and some tests print lone surrogates."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """A SQLite database of the test's own."""
    return f"sqlite:///{tmp_path / 'chef.db'}"


@pytest.fixture
def make_app(database_url: str) -> Iterator[Callable[..., Flask]]:
    """Make applications with settings of one's choice; all are closed at the end."""
    from chef import create_app

    apps: list[Flask] = []

    def make(*, clock: Clock = now_ms, **settings: Any) -> Flask:
        app = create_app(Settings(**({"database_url": database_url} | settings)), clock)
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.extensions["chef"].close()


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application with default settings."""
    return make_app()


@pytest.fixture(scope="session")
def serving() -> Serving:
    """Start a server and stop it at the end, in a test or for a whole file."""
    return serving_until_the_end


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Start `python app.py` with environment variables of one's choice, on a free port."""
    started: list[Served] = []

    def start(**environment: str) -> Served:
        served = serve(tmp_path, environment)
        started.append(served)
        return served

    yield start
    for served in started:
        served.stop()


@pytest.fixture
def server(start_server: Callable[..., Served]) -> Served:
    """A served application as a user runs it, with default settings."""
    return start_server()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL for the whole run."""
    with Postgres() as running:
        yield running


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """A new, empty PostgreSQL database."""
    return postgres.new_database()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def any_database_url(request: pytest.FixtureRequest, database_url: str) -> str:
    """The same test on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return database_url
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium for the whole run."""
    from tests.tools.browser import running_browser

    with running_browser() as running:
        yield running


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """What the test's pages complain of; anything that was not allowed fails the test."""
    from tests.tools.browser import Complaints

    collected = Complaints()
    yield collected
    assert collected.unexpected == []


@pytest.fixture
def page(browser: Browser, complaints: Complaints) -> Iterator[Page]:
    """An empty tab in a profile of its own. What it complains of fails the test."""
    from tests.tools.browser import watched_context

    with watched_context(browser, complaints) as context:
        yield context.new_page()


@pytest.fixture
def plain(browser: Browser, complaints: Complaints) -> Iterator[Page]:
    """A tab without JavaScript."""
    from tests.tools.browser import watched_context

    with watched_context(browser, complaints, java_script_enabled=False) as context:
        yield context.new_page()

"""A start loads what it needs and no more: that is most of its time and of an idle server's memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
START = """
from gevent import monkey
monkey.patch_all()
import json, sys
from chef.settings.config import load_settings_or_exit
from chef.startup import make_application
app = make_application(load_settings_or_exit())
print(json.dumps(sorted(sys.modules)))
app.extensions["chef"].close()
"""
SECRET = "a secret of a test that is long enough"


def loaded_by_a_start(folder: Path, **settings: str) -> set[str]:
    """The modules that a server has loaded when it would listen."""
    done = subprocess.run(
        [sys.executable, "-c", START],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Loaded with an empty store and default settings."""
    return loaded_by_a_start(tmp_path_factory.mktemp("plain"))


@pytest.mark.real
@pytest.mark.parametrize(
    "module",
    [
        "alembic",  # nothing to migrate
        "redis",  # no REDIS_URL
        "psycopg",  # no PostgreSQL
        "sqlalchemy.dialects.postgresql",
        "cryptography",  # no key
        "jwt",
        "flask_cors",  # no WEBSOCKET_CORS_ORIGIN
        "prometheus_client",  # no scrape and no page yet
        "babel",
        "requests",  # the client halves of python-engineio
        "websocket",
    ],
)
def test_what_is_not_needed_is_not_loaded(plain: set[str], module: str) -> None:
    assert {"chef.application", "flask_socketio", "sqlalchemy"} <= plain
    assert module not in plain


@pytest.mark.real
@pytest.mark.parametrize(
    ("setting", "modules"),
    [
        ({"REDIS_URL": "redis://127.0.0.1:1"}, {"redis"}),
        ({"CHEF_JWT_SECRET": SECRET}, {"jwt", "cryptography"}),
        ({"WEBSOCKET_CORS_ORIGIN": "*"}, {"flask_cors"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_setting_loads_what_it_needs(tmp_path: Path, setting: dict[str, str], modules: set[str]) -> None:
    assert modules <= loaded_by_a_start(tmp_path, **setting)


@pytest.mark.real
def test_the_librarys_client_is_whole_where_chef_only_makes_an_application(tmp_path: Path) -> None:
    """Only the server's own process goes without: a program that embeds Chef may be a client, too."""
    script = "from chef import create_app; import engineio.client as c; print(c.requests.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "requests\n"

"""The house: what is locked, what is shipped and what the entrances say must agree with each other."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chef.settings import config
from tests.tools import quick

ROOT = Path(__file__).parent.parent
SETTINGS = {
    "PORT": "3001",
    "HOST": "0.0.0.0",
    "WEBSOCKET_ENABLED": "true",
    "WEBSOCKET_CORS_ORIGIN": "",
    "DATABASE_URL": "sqlite:///chef.db",
    "CHEF_STORE_CONNECTIONS": "4",
    "REDIS_URL": "",
    "CHEF_API_TOKEN": "",
    "CHEF_PROJECT_TOKENS": "",
    "CHEF_JWT_SECRET": "",
    "CHEF_JWT_SECRET_PREVIOUS": "",
    "CHEF_JWT_PUBLIC_KEY": "",
    "CHEF_HOOK_SECRET": "",
    "CHEF_NOTIFY": "",
    "CHEF_STATUS_TOKEN": "",
    "CHEF_PUBLIC_READ": "",
    "CHEF_MAX_BODY_BYTES": "1048576",
    "CHEF_MAX_REPORT_BYTES": "33554432",
    "CHEF_MAX_LOG_LINE_BYTES": "65536",
    "CHEF_MAX_LOG_BYTES": "104857600",
    "CHEF_RETENTION_DAYS": "30",
    "CHEF_ABANDON_HOURS": "24",
    "CHEF_PING_INTERVAL": "20",
    "CHEF_PING_TIMEOUT": "20",
    "CHEF_MAX_CONNECTIONS": "0",
    "CHEF_MAX_CONNECTIONS_PER_ADDRESS": "1000",
    "CHEF_HEADER_TIMEOUT": "10",
    "CHEF_BODY_TIMEOUT": "15",
    "CHEF_KEEPALIVE_TIMEOUT": "75",
    "CHEF_CONNECT_TIMEOUT": "10",
    "CHEF_MAX_FRAME_BYTES": "65536",
    "CHEF_MAX_SUBSCRIPTIONS": "1000",
    "CHEF_MAX_EVENTS_PER_SECOND": "100",
    "CHEF_RATE_WRITES": "",
    "CHEF_RATE_FAILURES": "20/min",
    "CHEF_MAX_STORE_BYTES": "0",
    "CHEF_MAX_JOBS_PER_HOUR": "50000",
    "CHEF_MAX_PROJECTS": "10000",
    "CHEF_MAX_STREAMS": "1000",
    "CHEF_MAX_PHASES": "1000",
    "CHEF_MAX_WAIT": "3600",
    "CHEF_CONTROL": "false",
    "CHEF_TRUSTED_PROXIES": "0",
    "CHEF_CLIENT_HEADER": "",
    "CHEF_ALLOWED_HOSTS": "",
    "CHEF_FRAME_ANCESTORS": "",
    "CHEF_URL": "",
    "CHEF_LOG_FORMAT": "text",
}
# Pieced together, so that this file may hold them.
NOWHERE_ELSE = re.compile(
    "|".join(
        [
            "registry" + r"\.npm",
            "registry" + r"\.yarnpkg",
            "pypi" + r"\.org",
            "files" + r"\.pythonhosted",
            "deb" + r"\.debian",
            r"(?<![\w./~-])/(?:" + r"work|root|opt|home)/",
            r"(?<![\w./~-])/usr/(?:local/)?" + r"s?bin/(?!env\b)",
        ]
    )
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pyproject() -> dict[str, Any]:
    return tomllib.loads(read("pyproject.toml"))


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", read(lock), re.MULTILINE))


def unpinned(requirements: list[str], lock: str) -> list[str]:
    locked = pins(lock)
    wanted = [Requirement(text) for text in requirements]
    return [one.name for one in wanted if locked.get(canonicalize_name(one.name), "0") not in one.specifier]


def committed_texts() -> Iterator[tuple[str, str]]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue  # removed from the tree, not yet from the index
        try:
            yield name, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image has no text


def test_every_dependency_is_pinned_where_production_installs_from() -> None:
    assert unpinned(pyproject()["project"]["dependencies"], "requirements.txt") == []


def test_every_tool_is_pinned_where_developers_install_from() -> None:
    project = pyproject()["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    assert unpinned(wanted, "requirements-dev.txt") == []


def test_developers_run_the_versions_that_production_runs() -> None:
    developers = pins("requirements-dev.txt")
    assert {name: developers.get(name) for name in pins("requirements.txt")} == pins("requirements.txt")


def test_production_installs_no_tool() -> None:
    tools = {
        canonicalize_name(Requirement(text).name)
        for text in pyproject()["project"]["optional-dependencies"]["dev"]
    }
    assert tools & set(pins("requirements.txt")) == set()


@pytest.mark.parametrize(
    ("name", "floor"),
    [("flask-socketio", (5, 7, 0)), ("python-socketio", (5, 16, 3)), ("python-engineio", (4, 13, 3))],
)
def test_what_we_reach_into_is_asked_for_exactly_and_above_its_known_holes(
    name: str, floor: tuple[int, int, int]
) -> None:
    wanted = {Requirement(text).name: Requirement(text) for text in pyproject()["project"]["dependencies"]}
    (specifier,) = wanted[name].specifier
    assert specifier.operator == "=="
    assert tuple(int(part) for part in specifier.version.split(".")) >= floor


def test_the_browser_libraries_are_locked_as_asked_for() -> None:
    manifest, lock = json.loads(read("package.json")), json.loads(read("package-lock.json"))
    for kind in ("dependencies", "devDependencies", "engines"):
        assert lock["packages"][""][kind] == manifest[kind]
    for name, version in (manifest["dependencies"] | manifest["devDependencies"]).items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version.rpartition("@")[2]


def test_the_page_gets_its_socket_io_client_in_production() -> None:
    lock = json.loads(read("package-lock.json"))
    assert "dev" not in lock["packages"]["node_modules/socket.io-client"]


def test_every_locked_browser_library_has_its_checksum_and_no_address() -> None:
    packages = json.loads(read("package-lock.json"))["packages"]
    locked = {name: entry for name, entry in packages.items() if name}
    assert [name for name, entry in locked.items() if "resolved" in entry] == []
    assert [
        name for name, entry in locked.items() if not entry.get("integrity", "").startswith("sha512-")
    ] == []


def test_no_committed_text_names_a_registry_or_a_place_of_one_machine() -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in committed_texts()
        for number, line in enumerate(text.splitlines(), 1)
        if NOWHERE_ELSE.search(line)
    ]
    assert found == []


def test_the_example_settings_name_every_setting_with_its_default() -> None:
    named = dict(re.findall(r"^#([A-Z_]+)=(.*)$", read(".env.example"), re.MULTILINE))
    assert named == SETTINGS


def test_the_example_settings_are_those_that_the_server_reads() -> None:
    assert set(config.NAMES) == set(SETTINGS)


def test_a_copied_example_changes_nothing() -> None:
    assert [line for line in read(".env.example").splitlines() if line and not line.startswith("#")] == []


def test_each_example_setting_has_its_line_of_explanation() -> None:
    blocks = read(".env.example").strip().split("\n\n")[1:]
    assert [re.sub(r"=.*", "", block.splitlines()[-1]).removeprefix("#") for block in blocks] == list(
        SETTINGS
    )
    assert all(len(block.splitlines()) == 2 and block.startswith("# ") for block in blocks)


def test_a_platform_starts_one_process_and_migrates_before_it() -> None:
    assert read("Procfile").splitlines() == ["web: python app.py", "release: python -m chef migrate"]


def test_a_platform_installs_for_the_browser_and_then_for_python() -> None:
    manifest = json.loads(read("app.json"))
    assert [pack["url"] for pack in manifest["buildpacks"]] == ["heroku/nodejs", "heroku/python"]
    assert manifest["env"]["CHEF_API_TOKEN"]["generator"] == "secret"
    assert set(manifest["env"]) <= set(SETTINGS)


def test_the_house_asks_for_one_python() -> None:
    oldest = read(".python-version").strip()
    assert pyproject()["project"]["requires-python"] == f">={oldest}"
    assert f"--python-version {oldest} " in read("Makefile")
    assert f'"{oldest}"' in read(".github/workflows/ci.yml")


def test_make_alone_lists_the_entrances() -> None:
    listing = subprocess.run(
        ["make"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=30
    ).stdout
    listed = re.findall(r"^  make ([a-z-]+) +\S", listing, re.MULTILINE)
    assert {"run", "test", "check", "bench", "lock", "clean"} <= set(listed)


def test_both_ways_of_checking_a_change_go_through_the_same_targets() -> None:
    called = {
        name: set(
            re.findall(
                r"^(?:\s*(?:- )?run: )?(?:sudo )?(make \w+|\.ci/install-system)\b", read(name), re.MULTILINE
            )
        )
        for name in (".ci/run", ".github/workflows/ci.yml")
    }
    assert called[".ci/run"] == {".ci/install-system", "make check", "make test"}
    # There lint has a job of its own, the quick tests are in a part, and the parts are put together again.
    assert called[".github/workflows/ci.yml"] == {
        ".ci/install-system",
        "make lint",
        "make test",
        "make coverage",
    }


def test_nothing_is_checked_twice() -> None:
    steps = [line for line in read(".ci/run").splitlines() if line and not line.startswith("#")]
    assert steps[2:] == [".ci/install-system", "make check WHOLE=1", "make test CHECKED=1"]
    (unchecked,) = re.findall(r"^unchecked := (.+)$", read("Makefile"), re.MULTILINE)
    assert unchecked.split(" or ") == list(quick.NOT_QUICK)


def test_the_parts_of_a_run_are_all_tests_each_once() -> None:
    parts = dict(re.findall(r"^(\w+)_tests := (.+)$", read("Makefile"), re.MULTILINE))
    (matrix,) = re.findall(r"part: \[(.+)\]", read(".github/workflows/ci.yml"))
    assert matrix.split(", ") == list(parts)
    # A test of the browser is always a real one.
    for marks in (
        {"real": False, "browser": False},
        {"real": True, "browser": False},
        {"real": True, "browser": True},
    ):
        assert [eval(part, {}, marks) for part in parts.values()].count(True) == 1


@pytest.mark.parametrize("name", [".ci/run", ".ci/install-system"])
def test_what_is_run_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert read(name).startswith("#!/usr/bin/env bash\n")


# --- the size of things ----------------------------------------------------------------------

MOST_LINES, MOST_FUNCTION_LINES, MOST_METHODS = 400, 40, 25


@cache
def modules() -> dict[str, ast.Module]:
    paths = sorted((ROOT / "chef").rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in paths}


def nodes(*kinds: type[ast.AST]) -> Iterator[tuple[str, Any]]:
    """Each node of these kinds in chef/, with the path of its module."""
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, kinds):
                yield name, node


def test_no_module_has_more_than_400_lines() -> None:
    folders = ("static", "client")
    paths = [
        *(ROOT / "chef").rglob("*.py"),
        *(path for name in folders for path in (ROOT / name).rglob("*.js")),
    ]
    assert paths
    lines = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8").count("\n") for path in paths}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def test_no_function_has_more_than_40_lines() -> None:
    """But for migrations: Alembic wants one function for a step, and that lists what a table has."""
    found = {
        f"{name}: {node.name}"
        for name, node in nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        if node.end_lineno - node.lineno >= MOST_FUNCTION_LINES and "/migrations/versions/" not in name
    }
    assert found == set()


def test_no_class_has_more_than_25_methods() -> None:
    found = {
        f"{name}: {node.name}"
        for name, node in nodes(ast.ClassDef)
        if sum(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in node.body) > MOST_METHODS
    }
    assert found == set()


def test_no_class_is_hidden_in_a_package_file() -> None:
    found = {f"{name}: {node.name}" for name, node in nodes(ast.ClassDef) if name.endswith("__init__.py")}
    assert found == set()


def test_a_class_name_has_one_meaning() -> None:
    counted = Counter(node.name.lstrip("_") for _, node in nodes(ast.ClassDef))
    assert {name for name, count in counted.items() if count > 1} == set()

"""`GET /chef.py` and `GET /chef.sh`: one file each, with its version and checksum, for old Pythons too."""

from __future__ import annotations

import ast
import base64
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from chef.reporter import bundle
from chef.version import VERSION


@pytest.mark.parametrize("name", ["chef.py", "chef.sh"])
def test_a_script_is_served_with_its_version_and_its_checksum(app: Flask, name: str) -> None:
    answer = app.test_client().get(f"/{name}")
    assert answer.status_code == 200
    digest = hashlib.sha256(answer.data)
    assert answer.headers["X-Chef-Version"] == VERSION
    assert answer.headers["X-Checksum-SHA256"] == digest.hexdigest()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert VERSION in answer.get_data(as_text=True)
    again = app.test_client().get(f"/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_no_token_is_needed_to_get_the_scripts(make_app: Callable[..., Flask]) -> None:
    app = make_app(jwt_secret="a secret that is long enough for HS256", public_read=False)
    assert app.test_client().get("/chef.py").status_code == 200
    assert app.test_client().get("/chef.sh").status_code == 200


def test_the_file_is_the_same_each_time_it_is_made() -> None:
    first = bundle.python_script("1.2.3").text
    bundle.python_script.cache_clear()
    assert bundle.python_script("1.2.3").text == first


@pytest.mark.real
def test_the_file_runs_alone_and_says_its_version(tmp_path: Path) -> None:
    path = tmp_path / "chef.py"
    path.write_bytes(bundle.python_script("1.2.3").text)
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", str(path), "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "chef 1.2.3\n", "")


def test_the_file_is_python_3_8_and_imports_the_standard_library_alone() -> None:
    tree = ast.parse(bundle.python_script(VERSION).text, feature_version=(3, 8))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    assert names - sys.stdlib_module_names == set()


def test_names_that_would_hide_each_other_are_refused() -> None:
    modules = {"cli": "from chef.reporter.other import x\n\nname = 1\n", "other": "name = x = 2\n"}
    with pytest.raises(bundle.BundleError, match="name is in cli and in other"):
        bundle.bundled(modules, "1")


def test_modules_that_nothing_imports_or_that_import_each_other_are_refused() -> None:
    with pytest.raises(bundle.BundleError, match="nothing imports other"):
        bundle.bundled({"cli": "a = 1\n", "other": "b = 1\n"}, "1")
    circle = {
        "cli": "from chef.reporter.other import b\n",
        "other": "from chef.reporter.cli import c\nb = 1\n",
    }
    with pytest.raises(bundle.BundleError, match="imports itself"):
        bundle.bundled(circle, "1")
    with pytest.raises(bundle.BundleError, match="under another name"):
        bundle.bundled({"cli": "from chef.reporter.other import b as c\n", "other": "b = 1\n"}, "1")


def test_a_module_comes_behind_those_that_it_imports() -> None:
    modules = {
        "cli": '"""Words."""\n\nimport sys\n\nfrom chef.reporter.other import b\n\nprint(b)\n',
        "other": "b = 1\n",
    }
    text = bundle.bundled(modules, "1")
    assert text.index("b = 1") < text.index("print(b)")
    assert "chef.reporter.other" not in text
    assert "# Words." in text


def test_modules_of_sub_packages_are_put_in_by_their_whole_names() -> None:
    modules = {
        "cli": "from chef.reporter.sub.other import b\n\nprint(b)\n",
        "sub.other": "from chef.reporter.other import a\n\nb = a\n",
        "other": "a = 1\n",
    }
    text = bundle.bundled(modules, "1")
    assert text.index("a = 1") < text.index("b = a") < text.index("print(b)")
    assert "# --- sub.other ---" in text
    assert "import b" not in text

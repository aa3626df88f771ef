"""The npm package chef-client: the files of the server, with types and a manifest that tools accept."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from chef.api import clientfiles
from chef.version import VERSION
from tests.tools.clientpackage import put_together
from tests.tools.serving import ROOT
from tests.tools.watching import node

real = pytest.mark.real
LIBRARIES = ROOT / "node_modules"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "chef-client"
    put_together(folder)
    return folder


def run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_has_the_version_of_the_server(package: Path) -> None:
    assert json.loads((package / "package.json").read_text())["version"] == VERSION


@real
def test_what_is_packed_are_the_files_that_the_server_serves(package: Path) -> None:
    run(package, "npm", "pack", "--silent", "--ignore-scripts")
    with tarfile.open(package / f"chef-client-{VERSION}.tgz") as packed:
        names = {name.removeprefix("package/") for name in packed.getnames()}
        assert names == {*clientfiles.NAMES, "package.json", "README.md", "LICENSE"}
        for name in clientfiles.NAMES:
            file = packed.extractfile(f"package/{name}")
            assert file is not None
            assert file.read() == clientfiles.content(name)


@real
def test_publint_and_attw_find_nothing(package: Path) -> None:
    run(package, node(), LIBRARIES / "publint/src/cli.js", "run", "--strict", ".")
    run(package, "npm", "pack", "--silent", "--ignore-scripts")
    attw = LIBRARIES / "@arethetypeswrong/cli/dist/index.js"
    # There is no CommonJS form: whoever needs that has `import()`.
    run(package, node(), attw, f"chef-client-{VERSION}.tgz", "--profile", "esm-only")


@real
def test_a_strict_page_in_typescript_is_compiled_with_its_types(package: Path) -> None:
    folder = package.parent
    (folder / "node_modules").mkdir()
    package.rename(folder / "node_modules" / "chef-client")
    shutil.copy(ROOT / "tests/clients/typed.ts", folder)
    options = {
        "strict": True,
        "noEmit": True,
        "skipLibCheck": False,
        "types": [],
        "noUncheckedIndexedAccess": True,
    }
    modules = {
        "target": "ES2022",
        "lib": ["ES2022", "DOM"],
        "module": "ESNext",
        "moduleResolution": "bundler",
    }
    config = {"compilerOptions": options | modules, "files": ["typed.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(config))
    run(folder, node(), LIBRARIES / "typescript/bin/tsc")

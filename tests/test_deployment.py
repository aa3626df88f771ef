"""The files that platforms deploy Chef by: valid, agreeing with the house, and the image's own steps run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from ruamel.yaml import YAML

from chef.settings.config import NAMES, Settings
from tests.tools.serving import ROOT, free_port
from tests.tools.watching import eventually

COMPOSED = ("compose.yaml", "docs/deploy/coolify.yaml", "docs/deploy/dokploy.yaml")
INSTALL = "npm ci --omit=dev && pip install -r requirements.txt"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def loaded(name: str) -> Any:
    """A YAML file; a key that is there twice is an error."""
    return YAML(typ="safe").load(read(name))


# --- the Dockerfile ---------------------------------------------------------------------------


@dataclass
class Stage:
    """One stage of a Dockerfile: what it is built on, and its steps in their order."""

    image: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [text for name, text in self.steps if name == instruction]

    @property
    def environment(self) -> dict[str, str]:
        return dict(word.split("=", 1) for text in self.all("ENV") for word in shlex.split(text))


def stages() -> dict[str, Stage]:
    """The stages of our Dockerfile by their names; the last has none."""
    text = re.sub(r"^#.*\n", "", read("Dockerfile"), flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, Stage] = {}
    for line in filter(None, text.splitlines()):
        instruction, rest = line.split(maxsplit=1)
        if instruction == "FROM":
            image, _, name = rest.partition(" AS ")
            found[name] = Stage(image)
        else:
            list(found.values())[-1].steps.append((instruction, rest))
    return found


def test_the_image_is_made_in_two_stages_and_does_not_run_as_root() -> None:
    made = stages()
    assert len(made) == 2
    (user,) = made[""].all("USER")
    assert int(user) >= 10_000
    names = [name for name, _ in made[""].steps]
    assert names.index("USER") > max(place for place, name in enumerate(names) if name in ("RUN", "COPY"))


def test_the_image_starts_what_a_platform_starts() -> None:
    (command,) = stages()[""].all("CMD")
    (web,) = re.findall(r"^web: (.+)$", read("Procfile"), re.MULTILINE)
    assert json.loads(command) == web.split()


def test_one_python_is_named_everywhere() -> None:
    version = read(".python-version").strip()
    assert stages()[""].image == f"python:{version}-slim"
    assert loaded("render.yaml")["services"][0]["runtime"] == "python"
    named = {
        name: re.findall(r"python[ :-]?v?(3\.\d+)", read(name), re.IGNORECASE)
        for name in (*COMPOSED, "render.yaml", "fly.toml", "docs/deploy.md", "docs/deploy/kamal.yml")
    }
    assert {name: found for name, found in named.items() if set(found) - {version}} == {}


def let_into_the_build(path: Path) -> bool:
    """Whether .dockerignore, which takes everything out and some of it in again, leaves a file in."""
    excluded, *others = [line for line in read(".dockerignore").splitlines() if line and line[0] != "#"]
    assert excluded == "*"
    taken = {line[1:] for line in others if line.startswith("!")}
    return path.parts[0] in taken and "__pycache__" not in path.parts


@dataclass
class Image:
    """The steps of our Dockerfile, done in folders instead of containers.

    `/chef` and `/data` are folders of the stage. The steps that only root may do in a container find
    programs that do nothing; pip is ours, and installs into a virtual environment without compiling.
    """

    folder: Path

    def build(self) -> None:
        venv = self.folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        pip = f'exec {shlex.join([sys.executable, "-m", "pip", "--python", str(venv)])} "$@" --no-compile -q'
        for name, text in {"useradd": "exit 0", "chown": "exit 0", "pip": pip}.items():
            program = venv / "bin" / name
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        for name, stage in stages().items():
            for instruction, text in stage.steps:
                if instruction == "RUN":
                    self.run(name, ["sh", "-ec", self.local(name, text)])
                elif instruction == "COPY":
                    self.copy(name, text.split())

    def place(self, stage: str) -> Path:
        """The folder that is `/` for a stage."""
        return self.folder / f"stage-{stage or 'last'}"

    def local(self, stage: str, text: str) -> str:
        return re.sub(r"(?<![\w.])/(?=(?:chef|data)\b)", f"{self.place(stage)}/", text)

    def copy(self, stage: str, words: list[str]) -> None:
        place = self.place(stage) / "chef"
        place.mkdir(parents=True, exist_ok=True)
        if words[0].startswith("--from="):
            source = self.place(words[0].removeprefix("--from=")) / words[1].lstrip("/")
            shutil.copytree(source, place / words[2])
            return
        for name in words[:-1]:
            target = place / words[-1]
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target, ignore=self.ignored)
            else:
                assert let_into_the_build(Path(name)), name
                shutil.copy(ROOT / name, target)

    @staticmethod
    def ignored(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(ROOT)
        return {name for name in names if not let_into_the_build(inside / name)}

    def environment(self, stage: str, **more: str) -> dict[str, str]:
        path = f"{self.folder / 'venv' / 'bin'}:{os.environ['PATH']}"
        kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        own = {name: self.local(stage, value) for name, value in stages()[stage].environment.items()}
        return {**kept, "PATH": path, **own, **more}

    def run(self, stage: str, command: list[str]) -> None:
        place = self.place(stage) / "chef"
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(command, cwd=place, env=self.environment(stage), check=True, timeout=240)

    def is_healthy(self, port: int) -> bool:
        (check,) = stages()[""].all("HEALTHCHECK")
        command = json.loads(check.partition("CMD ")[2])
        environment = self.environment("", PORT=str(port))
        return (
            subprocess.run(command, check=False, env=environment, capture_output=True, timeout=30).returncode
            == 0
        )

    @contextmanager
    def running(self, port: int) -> Iterator[subprocess.Popen[bytes]]:
        (command,) = stages()[""].all("CMD")
        place, environment = self.place("") / "chef", self.environment("", PORT=str(port))
        with (self.folder / "output").open("wb") as output:
            process = subprocess.Popen(
                json.loads(command), cwd=place, env=environment, stdout=output, stderr=output
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.real
def test_the_steps_of_the_image_make_a_server_that_its_health_check_finds(tmp_path: Path) -> None:
    image, port = Image(tmp_path), free_port()
    image.build()
    with image.running(port) as process:
        eventually(lambda: image.is_healthy(port), timeout=60)
        url = f"http://127.0.0.1:{port}"
        update = {"jobId": "one", "projectId": "demo", "type": "progress", "phase": "building"}
        assert requests.post(f"{url}/api/updates", json=update, timeout=30).status_code == 200
        page = requests.get(f"{url}/jobs/one", headers={"Accept": "text/html"}, timeout=30)
        libraries = set(re.findall(r"/lib/[\w.-]+\.js\?v=[\w-]+", page.text))
        assert len(libraries) >= 2
        assert {requests.get(url + one, timeout=30).status_code for one in libraries} == {200}
        assert (image.place("") / "data" / "chef.db").is_file()
        process.terminate()
        assert process.wait(30) == 0
        assert not image.is_healthy(port)


# --- what the platforms' files say --------------------------------------------------------------


def environments() -> dict[str, dict[str, Any]]:
    """What each file sets for Chef."""
    found = {name: dict(loaded(name)["services"]["chef"]["environment"]) for name in COMPOSED}
    (service,) = loaded("render.yaml")["services"]
    found["render.yaml"] = {one["key"]: one.get("value") for one in service["envVars"]}
    found["fly.toml"] = tomllib.loads(read("fly.toml"))["env"]
    kamal = loaded("docs/deploy/kamal.yml")["env"]
    found["kamal.yml"] = kamal["clear"] | dict.fromkeys(kamal["secret"])
    (line,) = re.findall(r"^Environment=(.+)$", read("docs/deploy/chef.service"), re.MULTILINE)
    found["chef.service"] = dict(word.split("=", 1) for word in line.split())
    found["Dockerfile"] = stages()[""].environment
    return found


def test_no_file_sets_what_is_no_setting() -> None:
    not_ours = re.compile(r"SERVICE_FQDN_|PYTHON")
    unknown = {
        name: [one for one in sorted(variables) if one not in NAMES and not not_ours.match(one)]
        for name, variables in environments().items()
    }
    assert {name: found for name, found in unknown.items() if found} == {}


@pytest.mark.parametrize("name", sorted(environments()))
def test_what_a_file_sets_is_taken(name: str) -> None:
    given = {
        variable: re.sub(r"\$\{.*?\}", "x" * 32, value)
        for variable, value in environments()[name].items()
        if value is not None and variable in NAMES
    }
    assert environments()[name]
    assert Settings.from_env(given, None).port == 3001


def test_every_platform_asks_where_the_health_is_and_starts_the_same_program() -> None:
    (service,) = loaded("render.yaml")["services"]
    assert (service["startCommand"], service["buildCommand"]) == ("python app.py", INSTALL)
    assert service["preDeployCommand"] == "python -m chef migrate"
    fly = tomllib.loads(read("fly.toml"))
    (check,) = fly["http_service"]["checks"]
    kamal = loaded("docs/deploy/kamal.yml")["proxy"]
    asked = {check["path"], service["healthCheckPath"], kamal["healthcheck"]["path"]}
    assert asked == {"/health/ready"}  # These route by it; the image's own check asks for /health.
    assert "'/health'" in stages()[""].all("HEALTHCHECK")[0]
    assert fly["http_service"]["internal_port"] == 3001
    assert fly["deploy"]["release_command"] == service["preDeployCommand"]
    captain = json.loads(read("docs/deploy/captain-definition"))
    assert (ROOT / captain["dockerfilePath"]).is_file()


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composed_chef_waits_for_what_it_needs_and_is_given_time_to_end(name: str) -> None:
    composed = loaded(name)
    services = composed["services"]
    chef = services["chef"]
    # Coolify takes paths from the base directory, Compose from the folder of the file.
    folder = ROOT if "coolify" in name else (ROOT / name).parent
    assert (folder / chef["build"] / "Dockerfile").is_file()
    assert set(chef["depends_on"]) == set(services) - {"chef"}
    assert {one["condition"] for one in chef["depends_on"].values()} == {"service_healthy"}
    assert all("healthcheck" in service for other, service in services.items() if other != "chef")
    assert int(chef["stop_grace_period"].removesuffix("s")) > 10
    kept = {
        volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])
    }
    assert kept == set(composed["volumes"])


@pytest.mark.real
def test_systemd_takes_the_unit_and_finds_it_hardened(tmp_path: Path) -> None:
    """`systemd-analyze` also looks whether the program is there, so it is told of this checkout."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.fail("systemd-analyze is missing: .ci/install-system brings it")
    unit = tmp_path / "chef.service"
    python = f"{sys.executable} app.py"
    text = read("docs/deploy/chef.service").replace("/srv/chef/.venv/bin/python app.py", python)
    unit.write_text(text.replace("/srv/chef", str(ROOT)))
    checked = subprocess.run(
        [analyze, "verify", str(unit)], check=False, capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    # In tenths: 0 is without any exposure, 100 is the worst.
    graded = [analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", str(unit)]
    assert subprocess.run(graded, check=False, capture_output=True, timeout=60).returncode == 0

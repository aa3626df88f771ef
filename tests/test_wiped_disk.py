"""SQLite on a disk that a platform wipes: one line at the start that says so, and which setting to set."""

from __future__ import annotations

from pathlib import Path

import pytest

from chef.settings import platforms
from chef.settings.platforms import PLATFORMS, wiped_disk
from tests.tools.serving import Serving

URL = "postgresql://u:p@host/chef"


@pytest.mark.parametrize("variable", [one.variable for one in PLATFORMS])
def test_each_platform_is_known(tmp_path: Path, variable: str) -> None:
    (said,) = wiped_disk({variable: "x"}, f"sqlite:///{tmp_path / 'chef.db'}")
    assert "wipes at each start" in said
    assert variable in said
    assert "set DATABASE_URL" in said
    assert str(tmp_path / "chef.db") in said


def test_elsewhere_and_with_postgresql_nothing_is_said(tmp_path: Path) -> None:
    assert wiped_disk({}, f"sqlite:///{tmp_path / 'chef.db'}") == []
    assert wiped_disk({"DYNO": ""}, f"sqlite:///{tmp_path / 'chef.db'}") == []
    assert wiped_disk({"DYNO": "web.1"}, URL) == []


def test_a_relative_path_is_in_the_folder_of_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / "chef.db") in wiped_disk({"DYNO": "web.1"}, "sqlite:///chef.db")[0]


def test_a_volume_is_not_wiped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a mount of its own, here as the kernel's /proc is one."""
    monkeypatch.setattr(platforms, "_TEMPORARY", ())
    assert wiped_disk({"FLY_APP_NAME": "chef"}, "sqlite:////proc/chef.db") == []
    assert wiped_disk({"FLY_APP_NAME": "chef"}, "sqlite:////chef.db") != []


@pytest.mark.slow
def test_a_start_says_it_in_one_line(tmp_path: Path, serving: Serving) -> None:
    with serving(tmp_path, {"DYNO": "web.1"}) as server:
        lines = [line for line in server.output.read_text().splitlines() if "wipes" in line]
    assert len(lines) == 1
    assert "DATABASE_URL" in lines[0]

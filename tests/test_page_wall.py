"""The wall: tiles for a screen that is looked at from afar."""

from __future__ import annotations

import re

from flask import Flask
from playwright.sync_api import Page, expect

from tests.tools.pages import chip, progress
from tests.tools.rendered import post
from tests.tools.serving import Served


def test_the_wall_has_a_tile_for_each_project_red_first(app: Flask) -> None:
    client = app.test_client()
    post(client, progress("a", projectId="green"), {"type": "completed", "jobId": "a"})
    post(client, progress("b", projectId="red"), {"type": "error", "jobId": "b", "message": "3 failed"})
    post(client, progress("c", projectId="red", phase="building"), progress("d", projectId="busy"))
    page = client.get("/wall").text
    assert re.findall(r'class="tile-name"><bdi>(\w+)<', page) == ["red", "busy", "green"]
    assert re.findall(r'data-status="(\w+)" data-last="(\w*)"', page)[0] == ("building", "failed")
    post(client, progress("e", projectId="busy", meta={"kind": "lint"}))
    kinds = client.get("/wall?project=busy").text
    assert re.findall(r'class="tile-name"><bdi>(\w+)<', kinds) == ["busy", "lint"]
    assert client.get("/wall?project=%20").status_code == 404


def test_what_failed_before_many_other_jobs_stays_red(app: Flask) -> None:
    """It was forgotten behind the newest 300 jobs of all, and beyond 100 projects."""
    client = app.test_client()
    failed = {"type": "error", "message": "no"}
    post(client, progress("old", projectId="old", meta={"kind": "nightly"}), failed | {"jobId": "old"})
    post(client, progress("x1", projectId="again"), failed | {"jobId": "x1"})
    for number in range(120):
        post(client, *(progress(f"j{number}-{n}", projectId=f"p{number}") for n in range(3)))
    post(client, *(progress(f"d{number}", projectId="old", meta={"kind": "day"}) for number in range(320)))
    post(client, progress("x2", projectId="again"))
    names = re.findall(r'class="tile-name"><bdi>([\w.]+)<', client.get("/wall").text)
    assert (names[0], len(names)) == ("again", 122)
    kinds = client.get("/wall?project=old").text
    assert re.findall(r'class="tile-name"><bdi>(\w+)<', kinds) == ["nightly", "day"]


def test_the_wall_follows_new_projects_and_never_scrolls(server: Served, page: Page) -> None:
    server.update(progress("a", projectId="first", phase="building"))
    page.goto(f"{server.url}/wall")
    chip(page, "Live")
    server.update({"type": "error", "jobId": "a", "message": "3 failed"})
    expect(page.locator(".tile")).to_have_attribute("data-status", "failed")
    server.update(*[progress(f"j{number}", projectId=f"p{number}") for number in range(60)])
    expect(page.locator(".tile")).to_have_count(61, timeout=20_000)
    expect(page.locator(".tile").first).to_contain_text("first")
    shown = page.locator(".tile:visible").count()
    expect(page.locator("#wall-more")).to_have_text(f"and {61 - shown} more")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    # In one look: a tile may be drawn anew at any moment.
    ends = "[...document.querySelectorAll('.tile')].map((one) => one.getBoundingClientRect().bottom)"
    assert 0 < max(page.evaluate(ends)) <= 720

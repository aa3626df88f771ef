"""The keyboard reaches every function of a page, and shortcuts are told, and can be switched off."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.tools.serving import Served


def progress(job_id: str = "j", **fields: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job_id, "projectId": "web"} | fields


def open_page(server: Served, page: Page, path: str) -> None:
    page.goto(server.url + path)
    expect(page.locator("#chip-word")).to_have_text("Live")


def test_a_question_mark_shows_the_keys_and_escape_leads_back(server: Served, page: Page) -> None:
    server.update(progress())
    open_page(server, page, "/jobs/j")
    page.locator("#project-link").focus()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("Go to the job's project")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#project-link")).to_be_focused()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(dialog).to_be_visible()


def test_single_keys_can_be_switched_off(server: Served, page: Page) -> None:
    server.update(progress())
    open_page(server, page, "/jobs/j")
    page.keyboard.press("?")
    page.get_by_label("Enable single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    for _ in ("now", "after a reload"):
        page.keyboard.press("u")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_hidden()
        expect(page).to_have_url(f"{server.url}/jobs/j")
        page.reload()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Enable single-key shortcuts").check()
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    expect(page).to_have_url(f"{server.url}/projects/web")


def test_one_goes_through_a_list_and_into_a_job_by_keyboard(server: Served, page: Page) -> None:
    server.update(progress("one"), progress("two"), progress("three"))
    open_page(server, page, "/projects/web")
    for key in ("j", "j", "j", "j", "k"):
        page.keyboard.press(key)
    expect(page.locator("[data-job=two] [data-field=link]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/jobs/two")


def test_a_row_that_moves_up_keeps_the_focus(server: Served, page: Page) -> None:
    server.update(progress("one"), progress("two", projectId="docs"))
    open_page(server, page, "/")
    link = page.locator("[data-project=web] > [data-field=link]")
    link.focus()
    expect(page.locator("#projects > li").first).to_have_attribute("data-project", "docs")
    server.update(progress("three"))
    expect(page.locator("#projects > li").first).to_have_attribute("data-project", "web")
    expect(link).to_be_focused()


def test_who_is_in_the_log_sees_it_on_all_sides(server: Served, page: Page) -> None:
    server.update(progress(), {"type": "log", "jobId": "j", "message": "one\ntwo"})
    open_page(server, page, "/jobs/j")
    page.locator("#raw-link").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#log")).to_be_focused()
    # Rows would cover a ring within.
    expect(page.locator(".log-panel")).to_have_css("outline-style", "solid")


def test_the_first_stop_leads_past_the_bar_at_the_top(server: Served, page: Page) -> None:
    server.update(progress())
    open_page(server, page, "/jobs/j")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

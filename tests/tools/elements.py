"""Helpers for tests of the elements of `/embed.js`: pages with them, and looks into their shadow trees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Page

from tests.tools.elsewhere import page_elsewhere
from tests.tools.serving import Served

# All nodes of a shadow tree: elements, texts, whatever else.
_COUNT = """(host) => {
  const walker = document.createTreeWalker(host.shadowRoot, NodeFilter.SHOW_ALL);
  let count = 0;
  while (walker.nextNode()) count++;
  return count;
}"""
# Whether each element on the page has its modules.
_SHOWN = """() => [...document.querySelectorAll("chef-progress, chef-log, chef-project")]
  .every((one) => one.shadowRoot?.childElementCount)"""
# The rows of a log, `[number, text]`, without those that only hold a selection.
_ROWS = """(host) => [...host.shadowRoot.querySelectorAll(".row:not(.kept)")]
  .map((row) => [Number(row.dataset.n), row.textContent])"""
_READ_THROUGH = """async (host) => {
  const log = host.shadowRoot.querySelector(".log");
  const frame = () => new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)));
  const seen = new Map();
  let most = 0;
  log.scrollTop = 0;
  for (;;) {
    await frame();
    for (let wait = 0; log.querySelector(".loading") && wait < 300; wait++) await frame();
    for (const row of log.querySelectorAll(".row:not(.kept)")) {
      seen.set(Number(row.dataset.n), row.textContent);
    }
    if (log.scrollTop + log.clientHeight >= log.scrollHeight - 1) break;
    log.scrollTop += log.clientHeight;
  }
  return [...seen].sort((one, other) => one[0] - other[0]);
}"""


def strict(server: Served) -> str:
    """The strictest policy under which the elements work."""
    return f"default-src 'none'; script-src {server.url}; connect-src {server.url}"


def html(
    server: Served, body: str, *, script: str = 'type="module"', head: str = "", lang: str = "en"
) -> str:
    """A page with one script tag."""
    tag = f'<script {script} src="{server.url}/embed.js"></script>'
    return (
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>Mine</title>'
        f'<meta name="viewport" content="width=device-width">'
        f"{head}{tag}<main><h1>Mine</h1>{body}</main></html>"
    )


@contextmanager
def opened(
    page: Page, server: Served, body: str, policy: str | None = None, *, loads: bool = True, **options: Any
) -> Iterator[str]:
    """Open a page of another origin with these elements in it; its address.

    Waits until each of them shows something, unless they are not to be loaded.
    """
    with page_elsewhere(html(server, body, **options), policy) as address:
        page.goto(address)
        if loads:
            page.wait_for_function(_SHOWN, timeout=60_000)
        yield address


def nodes(page: Page, element: str = "chef-log") -> int:
    """How many nodes the shadow tree of an element has."""
    count: int = page.locator(element).evaluate(_COUNT)
    return count


def rows(page: Page) -> list[list[Any]]:
    """The rows of the log that are in the document."""
    found: list[list[Any]] = page.locator("chef-log").evaluate(_ROWS)
    return found


def read_through(page: Page) -> list[list[Any]]:
    """All lines of the log, by scrolling through them."""
    found: list[list[Any]] = page.locator("chef-log").evaluate(_READ_THROUGH)
    return found

"""A real Chromium: Debian's, driven by Playwright. What a page complains of fails the test."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# As root, and in containers with a small /dev/shm, Chromium starts with these only.
_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
# The browser asks for the icon when it likes, also once the test has ended the server.
_LATE_ICON = re.compile(r"ERR_CONNECTION_REFUSED \(\S*/favicon\.svg\)")
# Reports a violation even where the browser's console says nothing of it.
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  const { violatedDirective, blockedURI, sourceFile, lineNumber } = event;
  console.error(`CSP: ${violatedDirective} ${blockedURI} ${sourceFile}:${lineNumber}`);
});
"""


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Chromium, headless, until the end of the block."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    assert path, f"no Chromium on this machine: .ci/install-system installs it (looked for {_NAMES})"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Complaints:
    """The complaints of pages: console errors, uncaught errors, violations of their policy, dialogs.

    `allow` names what a test expects, such as the status of a page that is not there yet.
    """

    def __init__(self) -> None:
        self.all: list[str] = []
        self._allowed: list[str] = []

    def allow(self, *parts: str) -> None:
        """Expect complaints that hold one of these texts."""
        self._allowed += parts

    @property
    def unexpected(self) -> list[str]:
        told = [one for one in self.all if not _LATE_ICON.search(one)]
        return [one for one in told if not any(part in one for part in self._allowed)]

    def listen(self, page: Page) -> None:
        """Collect what this page complains of."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.all.append(f"uncaught: {error}"))
        page.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.all.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _dialog(self, dialog: Any) -> None:
        self.all.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@contextmanager
def watched_context(browser: Browser, complaints: Complaints, **options: Any) -> Iterator[BrowserContext]:
    """A browser profile of its own, every page of which is listened to."""
    context = browser.new_context(**options)
    context.set_default_timeout(15_000)
    context.add_init_script(_TELL_VIOLATIONS)
    context.on("page", complaints.listen)
    try:
        yield context
    finally:
        context.close()

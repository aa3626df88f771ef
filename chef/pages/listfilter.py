"""The filter of a page's list: what its address asks for, `?status=failed&branch=main&q=retry`.

A form without JavaScript sends its empty fields, too: they ask for nothing. What nobody could have chosen
is cut to what the store takes, as a person who typed it would expect; a status that there is not has no page.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from chef.domain.filtering import JobFilter, words_of
from chef.domain.model import RUNNING
from chef.errors import NotFound
from chef.pages.language import gettext as _

FILTERS: dict[str, tuple[str, ...]] = {
    "running": RUNNING,
    "completed": ("completed",),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
    "abandoned": ("abandoned",),
}
"""The statuses that one may ask for, as in `GET /api/jobs?status=`."""

CHOICES = ("branch", "author", "kind")
"""Entries of meta that the form has a field for; `run` stands in addresses alone."""

_MOST_CHARACTERS = 1000
_MOST_WORDS = 20


@dataclass(frozen=True, slots=True)
class PageFilter:
    """What a list is limited to: the parameters of its address that say something, by name."""

    given: dict[str, str]

    def __bool__(self) -> bool:
        return bool(self.given)

    @property
    def status(self) -> str | None:
        """The status that is asked for, `None`: any."""
        return self.given.get("status")

    def of_store(self, project_id: str | None) -> JobFilter:
        """The same as the store takes it."""
        entries = {name: self.given.get(name) for name in (*CHOICES, "run")}
        words = words_of(self.given.get("q", ""))[:_MOST_WORDS]
        return JobFilter(project_id, FILTERS[self.status] if self.status else None, **entries, words=words)

    def with_status(self, status: str | None) -> dict[str, str]:
        """The parameters of the same list with another status."""
        others = {name: value for name, value in self.given.items() if name != "status"}
        return others | ({"status": status} if status else {})


def filter_of_request() -> PageFilter:
    """The filter that the address of the request names."""
    given = {name: _given(name) for name in ("status", *CHOICES, "run", "q")}
    if given["status"] and given["status"] not in FILTERS:
        raise NotFound(_("there is no such page"))
    return PageFilter({name: value for name, value in given.items() if value})


def _given(name: str) -> str:
    """A parameter; of words those that are looked for, with a space between each two."""
    text = request.args.get(name, "").replace("\0", "")[:_MOST_CHARACTERS]
    return " ".join(text.split()[:_MOST_WORDS]) if name == "q" else text

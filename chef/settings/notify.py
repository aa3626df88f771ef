"""The grammar of CHEF_NOTIFY: who is told of builds, of which and when.

Targets are separated by spaces. Each is a URL, then `#` and words separated by commas, then `&project=` and
the projects that it is told of: `ntfy://ntfy.sh/topic#failed,recovered&project=web,api`. Without `#` the
words are `failed,recovered`; without `project` it is told of all. `#` and spaces of a URL itself are written
as `%23` and `%20`. The text is a secret as a whole: messages name a target by its number and scheme.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from chef.settings.checks import Wrong

WORDS = ("started", "progress", "completed", "failed", "recovered", "cancelled", "abandoned")
DEFAULT_WORDS = frozenset({"failed", "recovered"})
MOST_TARGETS = 100

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,63}(?=://)")
# An id as `chef.domain.model` has it: settings are read before anything else is loaded.
_PROJECT = re.compile(r"[A-Za-z0-9._~:@+-]{1,128}")


@dataclass(frozen=True, slots=True)
class NotifyTarget:
    """One target. `url` is all before the `#`, as it was written; no `projects` are all."""

    url: str
    words: frozenset[str] = DEFAULT_WORDS
    projects: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """What tells it from others, whatever the words are that it is told on."""
        return " ".join((self.url, *sorted(self.projects)))

    @property
    def scheme(self) -> str:
        """What says how it is told, in lower case: `ntfy`, `https`, `apprise+tgram`."""
        return self.url.partition("://")[0].lower()

    @property
    def is_webhook(self) -> bool:
        """Whether it is sent signed webhooks."""
        return self.scheme in ("https", "http")


def read_targets(text: str) -> tuple[NotifyTarget, ...]:
    """The targets of the setting's text."""
    return tuple(_read(part, number) for number, part in enumerate(text.split(), 1))


def check_targets(value: Any) -> tuple[NotifyTarget, ...]:
    """Targets, each with words that there are, and no two the same."""
    if not isinstance(value, tuple) or not all(isinstance(one, NotifyTarget) for one in value):
        raise Wrong("must be targets")
    if len(value) > MOST_TARGETS:
        raise Wrong(f"must be at most {MOST_TARGETS} targets")
    seen = dict[tuple[str, frozenset[str]], int]()
    for number, target in enumerate(value, 1):
        first = seen.setdefault((target.url, target.projects), number)
        if first != number:
            raise wrong_target(number, target, f"is target {first} again: give all words to one of them")
    return value


def wrong_target(number: int, target: NotifyTarget, what: str) -> Wrong:
    """What is wrong with a target, without the target: its address may be a secret."""
    return Wrong(f"target {number} ({target.scheme}://…) {what}")


def _read(part: str, number: int) -> NotifyTarget:
    url, _, fragment = part.partition("#")
    if not _SCHEME.match(url) or url.endswith("://"):
        raise Wrong(f"target {number} must be a URL, such as https://example.com/hook#failed,recovered")
    target = NotifyTarget(url)
    if "&project=" in url and "?" not in url:
        raise wrong_target(number, target, "needs its words before &project=, as in #failed&project=web")
    given, *parameters = fragment.split("&")
    words = DEFAULT_WORDS if not given else frozenset(given.lower().split(","))
    projects = frozenset[str]()
    if not words <= set(WORDS):
        raise wrong_target(number, target, f"has a word behind # that is none of {' '.join(WORDS)}")
    for parameter in parameters:
        name, _, ids = parameter.partition("=")
        found = [unquote(one) for one in ids.split(",")]
        if name != "project" or not all(map(_PROJECT.fullmatch, found)):
            raise wrong_target(number, target, "takes &project=ID or &project=ID,ID alone behind its words")
        projects |= frozenset(found)
    return NotifyTarget(url, words, projects)

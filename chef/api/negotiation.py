"""One address for everything: `/`, projects, runs and jobs answer in the form that a client asks for.

A request whose `Accept` prefers another form than HTML is handed to the API's address of the same thing.
Source: RFC 9110, 12.5.1; where nothing matches the header is disregarded, as it allows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from werkzeug.http import parse_accept_header

HTML, JSON, PLAIN, MARKDOWN = "text/html", "application/json", "text/plain", "text/markdown"
SSE, NDJSON = "text/event-stream", "application/x-ndjson"

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

_ANY = "*/*"
# Browsers, and whoever fetches a page to show a preview of its link: these get pages unless they name another
# form. Most preview fetchers say `*/*`, as curl does.
_READS_PAGES = re.compile(
    r"mozilla|opera|bot|crawl|spider|preview|scrap|unfurl|embed|externalhit|externalagent|iframely|opengraph"
    r"|slack|discord|telegram|whatsapp|signal|skype|viber|kakao|vkshare|mattermost|rocket\.chat|zulip|synapse"
    r"|facebook|twitter|linkedin|pinterest|tumblr|reddit|mastodon|misskey|cardyb|notion|google|bing|yahoo|apple",
    re.IGNORECASE,
)


class _Thing(NamedTuple):
    """What stands at an address: a pattern of its path, and the API's path for each form but HTML."""

    path: re.Pattern[str]
    forms: dict[str, str]

    def address(self, form: str, names: tuple[str, ...]) -> str:
        """The API's path for a form, with the names that the page's path has."""
        return self.forms[form].format(*names)


_THINGS = (
    _Thing(re.compile("/"), dict.fromkeys((PLAIN, MARKDOWN, JSON), "/api/projects")),
    _Thing(
        re.compile("/projects/([^/]+)"),
        dict.fromkeys((PLAIN, MARKDOWN, JSON), "/api/projects/{}")
        | dict.fromkeys((SSE, NDJSON), "/api/projects/{}/events"),
    ),
    _Thing(
        re.compile("/projects/([^/]+)/runs/(.+)", re.DOTALL),
        dict.fromkeys((PLAIN, MARKDOWN, JSON), "/api/projects/{}/runs/{}"),
    ),
    _Thing(
        re.compile("/jobs/([^/]+)"),
        dict.fromkeys((PLAIN, MARKDOWN), "/api/jobs/{}/digest")
        | {JSON: "/api/jobs/{}"}
        | dict.fromkeys((SSE, NDJSON), "/api/jobs/{}/events"),
    ),
)


class Negotiation:
    """A WSGI application in front of one that has the pages and the API."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer in the form that is asked for. Everything else than those addresses passes."""
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or path.startswith(("/api/", "/ws", "/static/")):
            return self._application(environ, start_response)
        for thing in _THINGS:
            found = thing.path.fullmatch(path)
            if found:
                accept = environ.get("HTTP_ACCEPT", "")
                otherwise = PLAIN if accept and not _is_for_pages(environ) else HTML
                form = preferred_form(accept, (HTML, *thing.forms), otherwise)
                if form != HTML:
                    target = thing.address(form, found.groups())
                    environ = environ | {"PATH_INFO": target, "HTTP_ACCEPT": form}
                return self._application(environ, _varying(start_response))
        return self._application(environ, start_response)


def _varying(start_response: Any) -> Any:
    """WSGI's `start_response`, told that the answer is another one for another `Accept`."""

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        varies = [value for name, value in headers if name.lower() == "vary" and value != "Accept"]
        kept = [(name, value) for name, value in headers if name.lower() != "vary"]
        return start_response(status, [*kept, ("Vary", ", ".join(["Accept", *varies]))], *exc_info)

    return start


def preferred_form(accept: str, offered: Sequence[str], otherwise: str) -> str:
    """The one of the `offered` forms that an `Accept` header prefers.

    A form that is named comes before one that only a `*` takes. Where all fit alike, and where none does,
    `otherwise` is the form.
    """
    ranges = _ranges(accept)
    rated = {form: _rating(form, ranges) for form in offered}
    quality, exact = max(rated.values())
    best = [form for form in offered if rated[form] == (quality, exact)]
    if exact == _EXACT and quality:
        named = [name for name, _ in ranges]
        return min(best, key=named.index)
    return otherwise if otherwise in best or not quality else best[0]


_EXACT = 2


def _ranges(accept: str) -> list[tuple[str, float]]:
    """The media ranges of an `Accept` header without their parameters, and how much each is wanted."""
    return [
        (name.partition(";")[0].strip().lower(), quality) for name, quality in parse_accept_header(accept)
    ]


def _rating(form: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """How much a form is wanted, by the range that names it most exactly, and how exactly that is."""
    kind = form.partition("/")[0]
    for exact, name in ((_EXACT, form), (1, f"{kind}/*"), (0, _ANY)):
        for wanted, quality in ranges:
            if wanted == name:
                return quality, exact if quality else 0
    return 0.0, 0


def _is_for_pages(environ: Environ) -> bool:
    """Whether a browser asks, or a fetcher of previews."""
    return "HTTP_SEC_FETCH_MODE" in environ or bool(_READS_PAGES.search(environ.get("HTTP_USER_AGENT", "")))

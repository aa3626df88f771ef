"""`/s/TOKEN`: the page of a share link, and below it what that page asks for, by the same link.

A token in a header would not do: an EventSource and a link to a raw log can send none. A cookie would be that
of all tabs, and two links in one browser would fight for it. So the token stays where it is, in the address:
as the root below which the pages and the API stand once more (PEP 3333, SCRIPT_NAME). No cookie counts there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chef.access.shares import PATH

SHARED = "chef.shared"
"""Is in the environ of a request by the address of a share link."""

_BELOW = ("api/", "jobs/", "projects/", "embed/", "favicon.svg")

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


class SharedAddresses:
    """A WSGI application in front of `pages`; `negotiation` answers in other forms than HTML, too."""

    def __init__(self, pages: Application, negotiation: Application) -> None:
        self._pages = pages
        self._negotiation = negotiation

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer by a link; everything else passes."""
        path: str = environ["PATH_INFO"]
        if not path.startswith(PATH):
            return self._negotiation(environ, start_response)
        token, _, rest = path.removeprefix(PATH).partition("/")
        if not token or (rest and not rest.startswith(_BELOW)):
            return self._pages(environ, start_response)
        shared = environ | {
            SHARED: True,
            "SCRIPT_NAME": f"{PATH}{token}",
            "PATH_INFO": f"/{rest}",
            "HTTP_AUTHORIZATION": f"Bearer {token}",
        }
        shared.pop("HTTP_COOKIE", None)
        return (self._negotiation if rest else self._pages)(shared, start_response)

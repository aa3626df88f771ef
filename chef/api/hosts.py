"""The names that this server answers to (`CHEF_ALLOWED_HOSTS`).

A page of any site can have its own name resolve to an address in somebody's private network, and then read
what is there as if it were its own (DNS rebinding). What it cannot do is to ask by another name than its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from chef.api.problems import Problems
from chef.errors import BadRequest
from chef.settings.checks import bare_host

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

_HEALTH = ("/health", "/health/ready")
_MOST_CHARS = 100


class AllowedHosts:
    """The names; none at all: any."""

    def __init__(self, names: Collection[str]) -> None:
        self._any = not names or "*" in names
        self._names = frozenset(name for name in names if not name.startswith("*."))
        self._above = tuple(name[1:] for name in names if name.startswith("*."))

    def allow(self, environ: Mapping[str, Any]) -> bool:
        """Whether a request may be answered: each name by which it was asked for has to be one of ours.

        A balancer that asks for the server's health does so by its address.
        """
        return self._any or environ["PATH_INFO"] in _HEALTH or self.foreign_name(environ) is None

    def foreign_name(self, environ: Mapping[str, Any]) -> str | None:
        """The first name of a request that is none of ours.

        `X-Forwarded-Host` has to be one, too, whoever wrote it: a proxy may have put another into `Host`.
        """
        asked = [environ.get("HTTP_HOST", "")]
        if "HTTP_X_FORWARDED_HOST" in environ:
            asked += environ["HTTP_X_FORWARDED_HOST"].split(",")
        return next((name for name in asked if not self._is_ours(bare_host(name.strip()))), None)

    def _is_ours(self, name: str) -> bool:
        return name in self._names or name.endswith(self._above)


class HostCheck:
    """A WSGI application in front of `application`, which it keeps from requests by other names."""

    def __init__(self, application: Application, hosts: AllowedHosts, problems: Problems) -> None:
        self._application = application
        self._hosts = hosts
        self._problems = problems

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer 400 where the name is none of ours."""
        if self._hosts.allow(environ):
            return self._application(environ, start_response)
        name = self._hosts.foreign_name(environ) or ""
        detail = f"this server does not answer to the name {name[:_MOST_CHARS]!r} (CHEF_ALLOWED_HOSTS)"
        refusal = self._problems.refused(BadRequest(detail, code="host_not_allowed"), environ)
        return refusal(environ, start_response)

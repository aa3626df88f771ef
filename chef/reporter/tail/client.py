"""Reads jobs and their event streams from the server."""

from __future__ import annotations

import json
from typing import Any, Iterator

from chef.reporter.sending.answers import RefusalKind, ServerAnswer, refusal_kind
from chef.reporter.sending.client import HttpClient, Unreachable

# The server says something every 15 s.
_SILENCE_S = 40.0
_REQUEST_S = 15.0
# The exit status where the server will not show it.
REFUSED = 2


class TailRefused(Exception):
    """The server will not show it; the text says why."""


class TailClient:
    """The requests of `tail`."""

    def __init__(self, url: str, token: str | None, version: str) -> None:
        self._client = HttpClient(url, token, version)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str) -> dict[str, Any] | None:
        """A JSON object, or None where there is no such thing. Raises TailRefused and Unreachable."""
        answer = self._client.request("GET", path, None, _REQUEST_S)
        if answer.status == 404:
            return None
        _check(answer)
        if not answer.data:
            raise Unreachable("the answer is not one of Chef's: is CHEF_URL right?")
        return answer.data

    def events(self, path: str) -> Iterator[dict[str, Any] | None]:
        """The events of a stream as they come; None is a sign that the server is there."""
        response = self._client.open(path, {"Accept": "application/x-ndjson"}, _SILENCE_S)
        if response.status != 200:
            _check(ServerAnswer(response.status, response.headers, response.read(65536)))
        while True:
            try:
                line = response.readline(16 * 1024 * 1024)
            except (OSError, ValueError) as error:
                raise Unreachable(str(error)) from error
            except Exception as error:  # http.client's own, such as a body that breaks off
                raise Unreachable(type(error).__name__) from error
            if not line:
                return
            try:
                event = json.loads(line.decode("utf-8")) if line.strip() else None
            except ValueError:
                raise Unreachable("the answer is not one of Chef's: is CHEF_URL right?") from None
            if event is None or isinstance(event, dict):
                yield event


def _check(answer: ServerAnswer) -> None:
    if answer.status == 200:
        return
    if refusal_kind(answer) is RefusalKind.PASSING:
        raise Unreachable(answer.reason())
    raise TailRefused(answer.reason())

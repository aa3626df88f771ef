"""The requests of the server's API that are about one job."""

from __future__ import annotations

import time
import urllib.parse
from typing import Any

from chef.reporter.sending.answers import ServerAnswer
from chef.reporter.sending.backoff import REQUEST_TIMEOUT_S, Deadline
from chef.reporter.sending.client import HttpClient
from chef.reporter.sending.stopping import StopSignal
from chef.reporter.target import MAX_NUMBER, Target


class JobApi:
    """Requests about a target's job, each with the time that the deadline leaves. All raise Unreachable."""

    def __init__(
        self, target: Target, version: str, deadline: Deadline, stop: StopSignal | None = None
    ) -> None:
        self.is_new = target.is_new
        self.stop = stop or StopSignal()
        self._target = target
        self._version = version
        self._client = HttpClient(target.url or "", target.token, version)
        self._deadline = deadline
        self._names_project = True

    def another(self) -> JobApi:
        """Requests about the same job over a connection of their own, for another thread."""
        other = JobApi(self._target, self._version, self._deadline, self.stop)
        other._names_project = self._names_project
        return other

    def post_updates(self, updates: list[dict[str, Any]]) -> ServerAnswer:
        common = {"jobId": self._target.job, **self._project()}
        posted = [{**common, **one} for one in updates]
        return self._heard(self._client.post("/api/updates", posted, self._timeout()))

    def post_heartbeat(self, every: int, wait: int = 0) -> ServerAnswer:
        """Promise to be heard of again within `every` seconds; with `wait` it is answered that much later."""
        fields = {**self._project(), "every": every, **({"wait": wait} if wait else {})}
        timeout = REQUEST_TIMEOUT_S + wait if wait else self._timeout()
        return self._heard(self._client.post(self._path("heartbeat"), fields, timeout))

    def put_output(self, stream: str, offset: int, body: Any) -> ServerAnswer:
        """Send output from the server's offset on: bytes, or an iterator of parts."""
        query = urllib.parse.urlencode({**self._project(), "stream": stream, "offset": offset})
        path = "%s?%s" % (self._path("logs"), query)
        return self._heard(self._client.request("PUT", path, body, self._timeout()))

    def put_tests(self, body: bytes) -> ServerAnswer:
        """Send a test report as its tool wrote it."""
        query = urllib.parse.urlencode(self._project())
        return self._client.request("PUT", "%s?%s" % (self._path("tests"), query), body, self._timeout())

    def post_question(self, fields: dict[str, Any]) -> ServerAnswer:
        """Ask people something; `id` makes it safe to send again."""
        return self._client.post(self._path("questions"), fields, self._timeout())

    def get_question(self, question: str, wait: int) -> ServerAnswer:
        """What came of a question, at the latest after `wait` seconds."""
        path = "%s/%s?wait=%d" % (self._path("questions"), question, wait)
        return self._client.request("GET", path, None, REQUEST_TIMEOUT_S + wait)

    def ask_for_offset(self, stream: str) -> ServerAnswer:
        """Ask how far the server is in a stream; the answer has it as `upload_offset`."""
        path = "%s?stream=%s" % (self._path("logs"), urllib.parse.quote(stream, safe=""))
        return self._client.request("HEAD", path, None, self._timeout())

    def corrects_guess(self, answer: ServerAnswer) -> bool:
        """Whether the job has a project that we have not been told: from here on it is not named."""
        is_wrong = answer.code == "project_mismatch" and self._target.is_guess and self._names_project
        self._names_project = self._names_project and not is_wrong
        return is_wrong

    def moves_on(self) -> bool:
        """Whether there is a further job, as there is behind one that a CI system's variables name."""
        if self._target.is_found and self._target.number < MAX_NUMBER:
            self._target = self._target.numbered(self._target.number + 1)
            return True
        return False

    @property
    def page(self) -> str:
        """The address of the job's page."""
        return self._target.page

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    def _heard(self, answer: ServerAnswer) -> ServerAnswer:
        self.stop.hear(answer, self._target.job)
        return answer

    def _project(self) -> dict[str, str]:
        return {"projectId": self._target.project} if self._names_project else {}

    def _path(self, what: str) -> str:
        return "/api/jobs/%s/%s" % (urllib.parse.quote(self._target.job, safe=""), what)

    def _timeout(self) -> float:
        return self._deadline.request_timeout(time.monotonic())

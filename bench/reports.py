"""What a test report costs the server, and what it does to the POSTs that come meanwhile."""

from __future__ import annotations

import http.client
import json
import threading
import time

from bench.report import Table, figures, judge, median, number
from bench.servers import CHEF, Server, serve

_TESTS = 10_000
_TRACE = "line of a trace, as long as they are\n" * 30
_NONE, _SOME, _ALL = "all passed", "one in a hundred failed, 30 lines each", "all failed, 30 lines each"


def run(*, quick: bool) -> list[Table]:
    times = 1 if quick else 5
    table = Table(["report of 10,000 tests", "MB", "CPU ms of the server", "ms until the answer"])
    table.text = "JUnit XML by PUT; medians."
    costs: dict[str, float] = {}
    with serve(CHEF) as server:
        for what, failing in ((_NONE, 0), (_SOME, 100), (_ALL, 1)):
            body = _junit(failing)
            found = [_put(server, f"{failing}-{n}", body) for n in range(times)]
            costs[what] = median([cpu for cpu, _ in found]) * 1000
            took = median([took for _, took in found]) * 1000
            table.rows.append([what, number(len(body) / 1e6), number(costs[what]), number(took)])
        alone, beside = _posts_beside(server, 40 if quick else 400)
    judged = figures()
    judge(judged, f"10,000 tests, {_NONE}", costs[_NONE], "< 300", " ms of CPU")
    judge(judged, f"10,000 tests, {_SOME}", costs[_SOME], "< 300", " ms of CPU")
    judged.rows.append([f"the same, {_ALL}", number(costs[_ALL], " ms of CPU"), "", ""])
    judged.rows.append(["p50 of a POST alone", number(alone, " ms"), "", ""])
    judged.rows.append(["the same while reports come one after the other", number(beside, " ms"), "", ""])
    judge(judged, "the same, against alone", beside / alone, "< 4", " x")
    return [table, judged]


def _junit(failing: int) -> bytes:
    """A report in which every `failing`th test has failed; none where that is 0."""
    cases = []
    for n in range(_TESTS):
        failed = failing and n % failing == 0
        inside = f'<failure message="assert {n} == 0">{_TRACE}</failure>' if failed else ""
        name = f'classname="tests.test_module_{n // 50}" name="test_of_something_{n}"'
        cases.append(f'<testcase {name} time="0.00{n % 10}">{inside}</testcase>\n')
    return f"<testsuites><testsuite name='pytest'>{''.join(cases)}</testsuite></testsuites>".encode()


def _put(server: Server, job: str, body: bytes) -> tuple[float, float]:
    """Send a report; returns the CPU seconds of the server and those until the answer."""
    before, began = server.cpu(), time.monotonic()
    _ask(server, "PUT", f"/api/jobs/{job}/tests?projectId=bench", body)
    return server.cpu() - before, time.monotonic() - began


def _ask(server: Server, method: str, path: str, body: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    connection.close()


def _posts_beside(server: Server, count: int) -> tuple[float, float]:
    """Milliseconds of the median POST alone, and while another connection sends reports."""
    alone = _posts(server, count)
    stopped = threading.Event()

    def send() -> None:
        number_ = 0
        while not stopped.is_set():
            number_ += 1
            _put(server, f"beside-{number_}", _junit(100))

    sending = threading.Thread(target=send)
    sending.start()
    try:
        return alone, _posts(server, count)
    finally:
        stopped.set()
        sending.join()


def _posts(server: Server, count: int) -> float:
    body = json.dumps({"type": "progress", "jobId": "posts", "projectId": "posts", "progress": 50}).encode()
    took = []
    for _ in range(count):
        began = time.monotonic()
        _ask(server, "POST", "/api/updates", body)
        took.append((time.monotonic() - began) * 1000)
    return median(took)

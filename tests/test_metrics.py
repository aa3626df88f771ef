"""Metrics of a real server: each counts what its name says, and the documents name those that there are."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from chef.metrics import Durations, Metrics
from tests.tools.protocol import RawViewer
from tests.tools.redis import Redis
from tests.tools.serving import ROOT, Served, Serving
from tests.tools.watching import eventually

pytestmark = pytest.mark.real
_numbers = count(1)

Samples = dict[str, float]
"""Values by name, with the labels as Prometheus writes them."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, serving: Serving) -> Iterator[Served]:
    """One server with Redis for all tests here."""
    folder = tmp_path_factory.mktemp("metrics")
    with Redis(folder) as redis, serving(folder, {"REDIS_URL": redis.url}) as served:
        yield served


Join = Callable[..., RawViewer]


@pytest.fixture
def join(server: Served) -> Iterator[Join]:
    """Connect viewers; all are closed at the end."""
    viewers: list[RawViewer] = []

    def connect(**auth: Any) -> RawViewer:
        viewers.append(RawViewer(server, **auth))
        return viewers[-1]

    yield connect
    for viewer in viewers:
        viewer.close()


@pytest.fixture
def job() -> str:
    return f"job-{next(_numbers)}"


def samples(server: Served) -> Samples:
    families = text_string_to_metric_families(server.get("/metrics").text)
    return {
        one.name + (json.dumps(one.labels, sort_keys=True) if one.labels else ""): one.value
        for family in families
        for one in family.samples
    }


def grown(server: Served, before: Samples, name: str, **labels: str) -> float:
    key = name + (json.dumps(labels, sort_keys=True) if labels else "")
    return samples(server).get(key, 0) - before.get(key, 0)


def progress(job: str, **more: Any) -> dict[str, Any]:
    return {"type": "progress", "jobId": job, "projectId": "p", **more}


# --- what is counted ----------------------------------------------------------------------------


def test_buckets_hold_what_took_at_most_so_long() -> None:
    times = Durations((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 3.0):
        times.observe(seconds)
    assert times.buckets() == [(0.1, 2), (1.0, 3), (float("inf"), 4)]
    metrics = Metrics()
    metrics.show("chef_test_seconds", "Some time.", times)
    lines = metrics.text().decode().splitlines()
    assert [line for line in lines if line.startswith("chef_test_seconds")] == [
        'chef_test_seconds_bucket{le="0.1"} 2.0',
        'chef_test_seconds_bucket{le="1.0"} 3.0',
        'chef_test_seconds_bucket{le="+Inf"} 4.0',
        "chef_test_seconds_count 4.0",
        "chef_test_seconds_sum 3.65",
    ]


def test_each_commit_is_counted_with_its_time(server: Served, job: str) -> None:
    before, begun = samples(server), time.monotonic()
    for number in range(5):
        server.update(progress(job, message=f"step {number}"))
    took = time.monotonic() - begun
    assert grown(server, before, "chef_commit_seconds_count") >= 5
    assert 0 < grown(server, before, "chef_commit_seconds_sum") < took
    assert grown(server, before, "chef_updates_total", result="accepted") == 5


def test_an_event_is_counted_for_each_that_it_was_handed_to(server: Served, join: Join, job: str) -> None:
    """For viewers with and without recovery, for those that come late, and for event streams."""
    server.update(progress(job, message="first"))
    before = samples(server)
    viewers = [join(recovery=True), join(), join()]
    for viewer in viewers[:2]:
        viewer.emit("subscribe:job", {"jobId": job, "after": 0})
    viewers[2].emit("subscribe:job", job)
    received = [[viewer.take()] for viewer in viewers]  # The first state, which all are sent.
    server.update(progress(job, message="second"), {"type": "log", "jobId": job, "message": "a\nb"})
    for events, viewer in zip(received, viewers, strict=True):
        while events[-1][1].get("message") != "b":
            events.append(viewer.take())
    assert len({len(events) for events in received}) == 1
    stored = server.get(f"/api/jobs/{job}/events", headers={"Accept": "application/json"}).json()["events"]
    assert grown(server, before, "chef_events_sent_total") == sum(map(len, received)) + len(stored)


def test_a_follower_that_begins_behind_the_end_is_a_replay(server: Served, join: Join, job: str) -> None:
    server.update(progress(job, message="first"))
    before, live, late = samples(server), join(), join()
    live.emit("subscribe:job", job)
    live.take()
    assert grown(server, before, "chef_replays_total") == 0
    late.emit("subscribe:job", {"jobId": job, "after": 0})
    late.take()
    assert grown(server, before, "chef_replays_total") == 1
    assert grown(server, before, "chef_log_pages_read_total") >= 1


def test_a_viewer_that_comes_back_is_counted_by_what_came_of_it(server: Served, join: Join, job: str) -> None:
    server.update(progress(job, message="first"))
    first = join(recovery=True)
    first.emit("subscribe:job", {"jobId": job, "after": 0})
    *_, offset = first.take()
    before = samples(server)
    join(recovery=True, pid=first.pid, offset=offset)
    assert grown(server, before, "chef_recoveries_total", result="recovered") == 1
    assert grown(server, before, "chef_recoveries_total", result="lost") == 0
    join(recovery=True, pid="A" * 24, offset=offset)
    assert grown(server, before, "chef_recoveries_total", result="recovered") == 1
    assert grown(server, before, "chef_recoveries_total", result="lost") == 1


def test_a_viewer_that_does_not_read_is_seen_by_its_bytes_and_as_behind(
    server: Served, join: Join, job: str
) -> None:
    viewer = join()
    viewer.emit("subscribe:job", job)
    eventually(lambda: server.get("/api/jobs").ok and samples(server)["chef_cursors"] >= 1)
    text = "\n".join("x" * 1000 for _ in range(500))
    for _ in range(60):
        assert server.post(f"/api/jobs/{job}/logs?projectId=p", data=text).status_code == 200
        if samples(server)["chef_cursors_behind"]:
            break
    now = samples(server)
    assert (now["chef_cursors"], now["chef_cursors_behind"]) == (1, 1)
    assert now["chef_unsent_bytes"] > 0
    assert now["chef_ring_bytes"] > 0
    viewer.close()
    eventually(lambda: samples(server)["chef_unsent_bytes"] == samples(server)["chef_cursors"] == 0)


def test_a_store_that_is_locked_is_counted_as_an_error(start_server: Callable[..., Served]) -> None:
    served = start_server()
    served.update(progress("locked"))
    before = samples(served)
    (path,) = served.output.parent.glob("*.db")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert served.post("/api/updates", json=progress("locked")).status_code == 503
        other.execute("ROLLBACK")
    other.close()
    assert grown(served, before, "chef_store_errors_total", operation="write") >= 1
    assert grown(served, before, "chef_store_errors_total", operation="read") == 0


def test_what_holds_up_the_event_loop_is_seen(server: Served) -> None:
    """A process that is stopped for a second is one whose loop is late by that."""
    before = samples(server)
    os.kill(server.process.pid, signal.SIGSTOP)
    time.sleep(1)
    os.kill(server.process.pid, signal.SIGCONT)

    def stalls() -> float:
        all_of_them = grown(server, before, "chef_event_loop_lag_seconds_count")
        return all_of_them - grown(server, before, "chef_event_loop_lag_seconds_bucket", le="0.5")

    eventually(lambda: stalls() >= 1, timeout=20)
    assert grown(server, before, "chef_event_loop_lag_seconds_sum") > 0.5


NOTIFY_METRICS = ("requests_total", "sent_total", "failed_total", "waiting")


# --- documents ------------------------------------------------------------------------------------


def named_in_the_document() -> set[str]:
    """The metrics of the table in docs/deploy.md, with the names of their labels."""
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(chef_[\w{},]+)` \|", text, re.MULTILINE))


def served_metrics(server: Served) -> set[str]:
    """The same of a server: a histogram has one name, and a counter its own."""
    found = set()
    for family in text_string_to_metric_families(server.get("/metrics").text):
        if family.name.endswith("_created"):
            continue  # When a counter began.
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = sorted({label for one in family.samples for label in one.labels} - {"le"})
        if name.startswith("chef_") and family.samples:
            found.add(name + (f"{{{','.join(labels)}}}" if labels else ""))
    return found


def test_the_document_names_each_metric_and_no_other(server: Served, join: Join, job: str) -> None:
    server.update(progress(job))
    join().emit("x" * 70_000)  # More than a viewer may send: refused by a limit.
    join(recovery=True, pid="A" * 24, offset="0:1")
    assert server.post("/api/updates", json={}, headers={"Via": "1.1 proxy"}).status_code == 401
    # Only where something is wrong, or two Chefs share a Redis.
    rare = {"chef_doorbell_ignored_total{reason}"}
    # Only where there are targets (tests/test_outbox_webhooks.py).
    rare |= {f"chef_notify_{name}{{kind}}" for name in NOTIFY_METRICS}
    eventually(lambda: any(name.startswith("chef_refused") for name in served_metrics(server)))
    assert served_metrics(server) | rare == named_in_the_document() | rare


def test_names_are_as_prometheus_wants_them(server: Served) -> None:
    for family in text_string_to_metric_families(server.get("/metrics").text):
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        assert not re.search(r"_(ms|milliseconds|kb|percent|minutes)$", family.name), family.name
        assert family.type != "histogram" or family.name.endswith("_seconds"), family.name


# --- the dashboard and the alert rules ------------------------------------------------------------

DOCS = ROOT / "docs"
# Made by the Prometheus that scrapes.
OF_PROMETHEUS = {"up"}
# These are looked at by the dashboard or a rule, whatever else there is.
CAN_GO_WRONG = {
    "chef_commit_seconds",
    "chef_cursors_behind",
    "chef_doorbell_age_seconds",
    "chef_event_loop_lag_seconds",
    "chef_events_sent_total",
    "chef_recoveries_total",
    "chef_refused_total",
    "chef_replays_total",
    "chef_store_errors_total",
    "chef_unsent_bytes",
    "chef_updates_total",
    "chef_writes_waiting",
}
HISTOGRAM = re.compile(r"(_seconds)_(?:bucket|count|sum)$")


def alerts() -> dict[str, dict[str, Any]]:
    groups = YAML(typ="safe").load((DOCS / "alerts.yml").read_text("utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DOCS / "grafana.json").read_text("utf-8"))["panels"]
    return found


def expressions() -> dict[str, str]:
    """All queries of the dashboard and of the alert rules, as Prometheus is asked them."""
    asked = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in panels()
        for target in panel.get("targets", [])
    }
    filled = {name: re.sub(r"\$__rate_interval", "5m", text) for name, text in asked.items()}
    filled = {name: re.sub(r"\$(?:job|instance)", ".*", text) for name, text in filled.items()}
    return filled | {name: rule["expr"] for name, rule in alerts().items()}


def promtool(*arguments: str | Path) -> None:
    program = shutil.which("promtool")
    assert program, "promtool is not installed (Debian: apt-get install prometheus)"
    checked = subprocess.run(
        [program, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_prometheus_takes_the_rules_and_all_queries(tmp_path: Path) -> None:
    assert len(expressions()) > 40
    promtool("check", "rules", DOCS / "alerts.yml")
    rules = [
        {"record": f"query_{number}", "expr": text} for number, text in enumerate(expressions().values())
    ]
    queries = tmp_path / "queries.json"  # JSON is YAML.
    queries.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    promtool("check", "rules", queries)


def test_what_is_asked_for_is_served(server: Served, join: Join, job: str) -> None:
    """Each metric that the dashboard and the rules name is one of the server's, with the labels asked for."""
    test_the_document_names_each_metric_and_no_other(server, join, job)
    families = list(text_string_to_metric_families(server.get("/metrics").text))
    served = {one.name for family in families for one in family.samples} | OF_PROMETHEUS
    served |= {name.partition("{")[0] for name in named_in_the_document()}
    asked: set[str] = set()
    for text in expressions().values():
        asked |= set(re.findall(r"\b(?:chef|process)_\w+|\bup\b", re.sub(r'"[^"]*"', "", text)))
    assert asked - served == set()
    assert {HISTOGRAM.sub(r"\1", name) for name in asked} >= CAN_GO_WRONG
    labels = dict(re.findall(r"(chef_\w+)\{(\w+)\}", " ".join(named_in_the_document())))
    for text in expressions().values():
        for name, selected in re.findall(r"(chef_\w+)\{([^}]*)\}", text):
            wanted = set(re.findall(r"(\w+)=~?\"", selected)) - {"job", "instance"}
            assert wanted <= ({"le"} if HISTOGRAM.search(name) else {labels.get(name)}), text


def test_the_panels_of_the_dashboard_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["type"] == "row" or panel["description"].endswith(".")
    ids = [panel["id"] for panel in panels()]
    assert all(one < other for one, other in pairwise(ids))


# Series of twenty minutes, a value a minute, by the alert that they set off. `A+BxN`: N more, each B higher.
TROUBLE = {
    "ChefDown": {"up": "0x20"},
    "ChefStoreErrors": {'chef_store_errors_total{operation="write"}': "0+1x20"},
    "ChefStoreHangs": {"chef_writes_waiting": "7x20", "chef_commit_seconds_count": "50x20"},
    "ChefCommitsSlow": {
        'chef_commit_seconds_bucket{le="0.5"}': "0+1x20",
        'chef_commit_seconds_bucket{le="1.0"}': "0+9x20",
        'chef_commit_seconds_bucket{le="+Inf"}': "0+9x20",
    },
    "ChefEventLoopStalls": {
        "chef_event_loop_lag_seconds_count": "0+600x20",
        'chef_event_loop_lag_seconds_bucket{le="0.25"}': "0+590x20",
    },
    "ChefViewersBehind": {"chef_cursors": "100x20", "chef_cursors_behind": "30x20"},
    "ChefUnsentBytes": {"chef_unsent_bytes": "300e6x20"},
    "ChefViewersLost": {
        'chef_recoveries_total{result="lost"}': "0+9x20",
        'chef_recoveries_total{result="recovered"}': "0+1x20",
    },
    "ChefDoorbellDown": {"chef_doorbell_up": "0x20"},
    "ChefDoorbellDeaf": {
        "chef_doorbell_up": "1x20",
        "chef_doorbell_age_seconds": "0+60x20",
        'chef_updates_total{result="accepted"}': "0+9x20",
    },
    "ChefLimitHit": {'chef_refused_total{reason="connections"}': "0+99x20"},
    "ChefGuessing": {'chef_refused_total{reason="rate_failures"}': "0+30x20"},
    "ChefDescriptors": {"process_open_fds": "900x20", "process_max_fds": "1000x20"},
    "ChefRestarts": {"process_start_time_seconds": "1000+60x20"},
}
# All that is asked of a server that is well, and busy.
HEALTH = {
    "up": "1x20",
    'chef_store_errors_total{operation="write"}': "3x20",
    "chef_writes_waiting": "1x20",
    "chef_commit_seconds_count": "0+50x20",
    'chef_commit_seconds_bucket{le="0.5"}': "0+50x20",
    'chef_commit_seconds_bucket{le="1.0"}': "0+50x20",
    'chef_commit_seconds_bucket{le="+Inf"}': "0+50x20",
    "chef_event_loop_lag_seconds_count": "0+600x20",
    'chef_event_loop_lag_seconds_bucket{le="0.25"}': "0+600x20",
    "chef_cursors": "100x20",
    "chef_cursors_behind": "8x20",
    "chef_unsent_bytes": "9e6x20",
    'chef_recoveries_total{result="lost"}': "0+1x20",
    'chef_recoveries_total{result="recovered"}': "0+9x20",
    "chef_doorbell_up": "1x20",
    "chef_doorbell_age_seconds": "1x20",
    'chef_updates_total{result="accepted"}': "0+9x20",
    'chef_refused_total{reason="connections"}': "0+9x20",
    "process_open_fds": "90x20",
    "process_max_fds": "1000x20",
    "process_start_time_seconds": "1000x20",
}


def at_the_end(name: str, series: dict[str, str], firing: bool) -> dict[str, Any]:
    """A test as promtool takes it: whether an alert fires after these twenty minutes."""
    of_chef = 'job="chef", instance="a:3001"'
    named = {
        (key.replace("{", "{" + of_chef + ", ") if "{" in key else f"{key}{{{of_chef}}}"): values
        for key, values in series.items()
    }
    return {
        "name": f"{name} {'fires' if firing else 'is silent'}",
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in named.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                "eval_time": "19m",
                "exp_samples": [{"labels": "{}", "value": 1}] if firing else [],
            }
        ],
    }


def test_each_alert_fires_for_its_trouble_and_none_where_all_is_well(tmp_path: Path) -> None:
    assert set(TROUBLE) == set(alerts())
    tests = [at_the_end(name, HEALTH | series, firing=True) for name, series in TROUBLE.items()]
    tests += [at_the_end(name, HEALTH, firing=False) for name in TROUBLE]
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps({"rule_files": [str(DOCS / "alerts.yml")], "tests": tests}))
    promtool("test", "rules", cases)


def test_each_alert_says_what_to_do() -> None:
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        assert rule["annotations"]["summary"].endswith("."), name
        assert re.search(r"[.?]$", rule["annotations"]["action"]), name

"""Share links: how they are made, what they are worth, and how they end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chef.access.shares import DAY_MS, new_share, share_id_of, share_token, token_in_link
from chef.domain.clock import now_ms
from chef.errors import ShareEnded, WrongToken
from chef.live.sharebook import ShareBook
from tests.tools.making import batch, open_store, update
from tests.tools.pages import log, progress
from tests.tools.rendered import post
from tests.tools.serving import ROOT
from tests.tools.sharing import bearer, share
from tests.tools.until import until

NOW = 1_800_000_000_000
KEY = b"a key of the tests"
API = "an-api-token-long-enough"

Make = Callable[..., Flask]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    client = app.test_client()
    post(client, progress("a", projectId="web"), log("one", "a"), progress("b", projectId="web"))
    return client


# --- tokens --------------------------------------------------------------------------------


def test_a_token_names_its_share_by_the_key_that_signed_it_alone() -> None:
    made = new_share("job", "a", "web", "progress", 7, NOW)
    token = share_token(made.id, KEY)
    assert share_id_of(token, KEY) == made.id
    assert made.expires_at == NOW + 7 * DAY_MS
    assert share_id_of(token, KEY + b"x") is None
    for place in range(len(token)):
        other = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert share_id_of(other, KEY) is None, place
    for wrong in ("", "share_", token[:-1], token + "A", token.upper(), f" {token}", "share_" + "ä" * 44):
        assert share_id_of(wrong, KEY) is None, wrong


@pytest.mark.parametrize("link", ["{}", "/s/{}", "https://chef.example/s/{}", "https://x/s/{}/jobs/a?b#L2"])
def test_a_link_is_known_in_every_form_that_people_copy(link: str) -> None:
    assert token_in_link(link.format("share_abc")) == "share_abc"


# --- making and ending them over HTTP ------------------------------------------------------


def test_whoever_may_write_makes_lists_and_ends_links(client: FlaskClient) -> None:
    made: Any = client.post("/api/jobs/a/shares", json={"level": "summary", "days": 2}).json
    assert (made["jobId"], made["projectId"]) == ("a", "web")
    assert made["level"] == "summary"
    assert made["url"] == f"http://localhost/s/{made['token']}"
    of_project: Any = client.post("/api/projects/web/shares", data={"level": "log", "days": "3"}).json
    assert of_project["jobId"] is None
    assert client.get("/api/jobs/a/shares").json == {"shares": [made]}
    assert client.get("/api/projects/web/shares").json == {"shares": [of_project]}
    assert client.get("/api/jobs/b/shares").json == {"shares": []}
    assert client.delete(f"/api/shares/{made['id']}").json == {"id": made["id"]}
    assert client.get("/api/jobs/a/shares").json == {"shares": []}
    assert client.delete(f"/api/shares/{made['id']}").status_code == 404
    assert client.get("/api/projects/web/shares").json == {"shares": [of_project]}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"level": "all"},
        {"level": "log", "days": 0},
        {"level": "log", "days": 3651},
        {"level": "log", "days": 1.5},
        {"level": "log", "days": "soon"},
        {"level": ["log"]},
        {"level": "log", "day": 3},
    ],
)
def test_what_is_no_link_is_refused(client: FlaskClient, fields: dict[str, Any]) -> None:
    assert client.post("/api/jobs/a/shares", json=fields).status_code == 422


def test_a_parameter_that_means_nothing_is_warned_about(client: FlaskClient) -> None:
    made: Any = client.post("/api/jobs/a/shares?level=log&dayz=3").json
    assert made["warnings"] == ["update 0: unknown field 'dayz', did you mean 'days'?"]


def test_a_writer_of_one_project_shares_that_one_alone(make_app: Make) -> None:
    app = make_app(api_tokens=(API,), project_tokens=(("web", "token-of-web-long-enough"),))
    client = app.test_client()
    for job, project in (("a", "web"), ("b", "shop")):
        sent = client.post("/api/updates", json=progress(job, projectId=project), headers=bearer(API))
        assert sent.status_code == 200
    theirs: Any = client.post("/api/jobs/b/shares", json={"level": "log"}, headers=bearer(API)).json
    own = bearer("token-of-web-long-enough")
    assert client.post("/api/jobs/a/shares", json={"level": "log"}, headers=own).status_code == 201
    assert client.post("/api/projects/web/shares", json={"level": "log"}, headers=own).status_code == 201
    for path in ("/api/jobs/b/shares", "/api/jobs/none/shares", "/api/projects/shop/shares"):
        assert client.post(path, json={"level": "log"}, headers=own).status_code == 403
        assert client.get(path, headers=own).status_code == 403
    for share_id in (theirs["id"], "unknown"):
        assert client.delete(f"/api/shares/{share_id}", headers=own).status_code == 403
    assert client.post("/api/jobs/a/shares", json={"level": "log"}).status_code == 401


def test_the_cookie_of_a_page_shares_from_this_servers_pages_alone(make_app: Make) -> None:
    app = make_app(api_tokens=(API,), public_read=False)
    client = app.test_client()
    client.post("/api/updates", json=progress("a", projectId="web"), headers=bearer(API))
    assert client.post("/login", data={"token": API}).status_code == 303
    wanted: dict[str, Any] = {"json": {"level": "log"}}
    for headers in ({}, {"Origin": "https://elsewhere.example"}, {"Origin": "null"}):
        assert client.post("/api/jobs/a/shares", **wanted, headers=headers).status_code == 401
    own = {"Origin": "http://localhost"}
    answer = client.post("/api/jobs/a/shares", **wanted, headers=own)
    assert answer.status_code == 201
    made: Any = answer.json
    assert client.get("/api/jobs/a/shares").json == {"shares": [made]}
    assert client.post("/api/jobs/a/progress", json={"progress": 3}, headers=own).status_code == 401
    assert client.delete(f"/api/shares/{made['id']}", headers=own).status_code == 200


# --- what they are worth -------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{}, {"api_tokens": (API,)}, {"api_tokens": (API,), "public_read": False}]
)
def test_a_link_never_lets_write(make_app: Make, settings: dict[str, Any]) -> None:
    """Also from this machine, where without a token one might."""
    app = make_app(**settings)
    writer = bearer(API) if settings else {}
    app.test_client().post("/api/updates", json=progress("a", projectId="web"), headers=writer)
    token = share(app, "jobs/a", "log", token=API if settings else None)
    client = app.test_client()
    for path in ("/api/updates", "/api/jobs/a/progress", "/api/jobs/a/logs", "/api/jobs/a/shares"):
        assert client.post(path, json=progress("a"), headers=bearer(token)).status_code == 403, path
    assert client.delete("/api/jobs/a", headers=bearer(token)).status_code == 403


def test_a_link_shows_no_more_where_anybody_may_read_all(client: FlaskClient) -> None:
    token = share(client.application, "jobs/a", "progress")
    assert client.get("/api/jobs/a/logs").status_code == 200
    for path in ("/api/jobs/a/logs", "/api/jobs/b", "/api/jobs", "/metrics", "/jobs/b"):
        assert client.get(path, headers=bearer(token)).status_code == 403, path
    page = client.get("/", headers=bearer(token)).text  # That of its job, in the place of the overview.
    assert 'id="bar"' in page
    assert "/jobs/b" not in page


def test_a_link_is_no_token_for_the_login(make_app: Make) -> None:
    app = make_app(api_tokens=(API,), public_read=False)
    client = app.test_client()
    client.post("/api/updates", json=progress("a", projectId="web"), headers=bearer(API))
    token = share(app, "jobs/a", "log", token=API)
    answer = client.post("/login", data={"token": token})
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (403, None)


def test_wrong_links_count_as_guesses_and_ended_ones_do_not(make_app: Make) -> None:
    app = make_app(api_tokens=(API,), public_read=False)
    client = app.test_client()
    client.post("/api/updates", json=progress("a", projectId="web"), headers=bearer(API))
    token = share(app, "jobs/a", "progress", token=API)
    assert _status_after(client, token) == 403
    client.delete(f"/api/shares/{token[6:28]}", headers=bearer(API))
    for _ in range(30):
        refused: Any = client.get("/api/jobs/a/logs", headers=bearer(token))
        assert (refused.status_code, refused.json["code"]) == (401, "share_ended")
    for _ in range(20):
        assert _status_after(client, token[:-1] + ("A" if token[-1] != "A" else "B")) == 401
    assert _status_after(client, "share_guess") == 429


def _status_after(client: FlaskClient, token: str) -> int:
    return client.get("/api/jobs/a/logs", headers=bearer(token)).status_code


# --- how they end --------------------------------------------------------------------------


def test_links_hold_over_restarts_and_in_other_processes_and_end_there_within_two_seconds(
    any_database_url: str,
) -> None:
    now = [NOW]
    with open_store(any_database_url) as store, open_store(any_database_url) as other:
        store.append(batch(update()))
        book, book_of_other = (ShareBook(one, lambda: now[0]) for one in (store, other))
        made = [new_share("job", "job", "web", "log", days, NOW) for days in (1, 2)]
        for one in made:
            book.add(one)
        tokens = [book.token(one) for one in made]
        assert [book_of_other.find(token) for token in tokens] == made
        told: list[str] = []
        book_of_other.watch(made[0], lambda: told.append("by its time"))
        book_of_other.watch(made[1], lambda: told.append("by its maker"))
        leave = book_of_other.watch(made[1], lambda: told.append("never"))
        leave()
        book.end(made[1].id)
        with pytest.raises(ShareEnded):
            book.find(tokens[1])
        until(lambda: told == ["by its maker"])
        with pytest.raises(ShareEnded):
            book_of_other.find(tokens[1])
        now[0] += DAY_MS
        until(lambda: told == ["by its maker", "by its time"])
        with pytest.raises(ShareEnded):
            book_of_other.find(tokens[0])
        book.close()
        book_of_other.close()
    with open_store(any_database_url) as store:
        later = ShareBook(store, lambda: NOW)
        assert later.find(tokens[0]) == made[0]
        with pytest.raises(WrongToken):
            later.find(tokens[0][:-1] + ("A" if tokens[0][-1] != "A" else "B"))


def test_a_link_ends_with_its_job_and_does_not_show_the_next_of_that_name(any_database_url: str) -> None:
    with open_store(any_database_url) as store:
        store.append(batch(update(), update(job_id="other"), update(job_id="else", project_id="shop")))
        kinds = (("job", "job", "web"), ("job", "other", "web"), ("project", "web", "web"))
        of_job, of_other, of_web = (new_share(*kind, "log", 1, NOW) for kind in kinds)  # type: ignore[arg-type]
        of_shop = new_share("project", "shop", "shop", "log", 1, NOW)
        shares = [of_job, of_other, of_web, of_shop]
        for one in shares:
            store.shares.add(one)
        ids = [one.id for one in shares]
        store.append(batch(update("completed")))  # One that is erased while it runs takes nothing more.
        store.erasures.job("job", None, NOW)
        store.append(batch(update()))
        assert set(store.shares.found(ids)) == {of_other, of_web, of_shop}
        store.append(batch(update("completed", job_id="other")))
        store.remove_finished(NOW)
        assert set(store.shares.found(ids)) == {of_web, of_shop}
        store.erasures.project("web", NOW)
        assert store.shares.found(ids) == [of_shop]


# --- the command ---------------------------------------------------------------------------


@pytest.mark.real
def test_the_command_prints_a_link_and_ends_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'chef.db'}"
    with open_store(url) as store:
        store.append(batch(update()))
    link = run(url, "--job", "job", "--level", "summary", "--days", "3").removesuffix("\n")
    assert link.startswith("https://chef.example/s/share_")
    of_project = run(url, "--project", "web").removesuffix("\n")
    with open_store(url) as store:
        book = ShareBook(store, now_ms)
        assert (book.find(token_in_link(link)).level, book.find(token_in_link(of_project)).kind) == (
            "summary",
            "project",
        )
    run(url, "--revoke", link.removeprefix("https://chef.example"))
    run(url, "--revoke", link)
    with open_store(url) as store, pytest.raises(ShareEnded):
        ShareBook(store, now_ms).find(token_in_link(link))
    assert run(f"{url}x", "--job", "job", status=2) == "there is no store at DATABASE_URL\n"
    assert not Path(tmp_path / "chef.dbx").exists()
    for arguments, reason in (
        (("--job", "none"), "there is no job 'none'"),
        (("--project", "none"), "there is no project 'none'"),
        (("--revoke", "/s/share_x"), "--revoke takes a link that this store has given out"),
    ):
        assert run(url, *arguments, status=2).startswith(reason)


def run(url: str, *arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "chef", "share", *arguments],
        cwd=ROOT,
        env={"DATABASE_URL": url, "CHEF_URL": "https://chef.example", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr

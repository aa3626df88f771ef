"""Where a build comes from, as words that are links, on every forge, by server and page alike."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from chef.pages.sources import sources
from tests.tools.modules import run

SHA = "4f1c2d9e8b7a6c5d4e3f2a1b0c9d8e7f6a5b4c3d"
FORGES: list[tuple[str, str | None, list[str]]] = [
    (
        "https://github.com/acme/shop",
        "https://github.com/acme/shop/actions/runs/912343/job/5",
        ["/tree/fix/a%20b", f"/commit/{SHA}", "/pull/482", "#482", "Open in GitHub Actions"],
    ),
    (
        "https://github.example.com/acme/shop.git",
        "https://github.example.com/acme/shop/actions/runs/1",
        ["/tree/fix/a%20b", f"/commit/{SHA}", "/pull/482", "#482", "Open in GitHub Actions"],
    ),
    (
        "https://gitlab.com/acme/deep/shop",
        "https://gitlab.com/acme/deep/shop/-/jobs/77",
        ["/-/tree/fix/a%20b", f"/-/commit/{SHA}", "/-/merge_requests/482", "!482", "Open in GitLab CI"],
    ),
    (
        "https://code.example.com/acme/shop",
        "https://code.example.com/acme/shop/-/pipelines/7",
        ["/-/tree/fix/a%20b", f"/-/commit/{SHA}", "/-/merge_requests/482", "!482", "Open in GitLab CI"],
    ),
    (
        "https://codeberg.org/acme/shop",
        "https://codeberg.org/acme/shop/actions/runs/12",
        ["/src/branch/fix/a%20b", f"/commit/{SHA}", "/pulls/482", "#482", "Open in Forgejo Actions"],
    ),
    (
        "https://git.example.com/acme/shop",
        "https://git.example.com/acme/shop/actions/runs/12",
        ["/src/branch/fix/a%20b", f"/commit/{SHA}", "/pulls/482", "#482", "Open in Gitea Actions"],
    ),
    (
        "https://bitbucket.org/acme/shop",
        "https://bitbucket.org/acme/shop/pipelines/results/9",
        ["/branch/fix/a%20b", f"/commits/{SHA}", "/pull-requests/482", "#482", "Open in Bitbucket Pipelines"],
    ),
]
OTHERS: list[dict[str, Any]] = [
    {},
    {"branch": "main", "commit": SHA, "pullRequest": 7, "author": "Amina"},
    {"branch": "main", "repository": "acme/shop", "pullRequest": "7"},
    {"branch": "main", "repository": "https://git.example.com/acme/shop"},
    {"branch": "javascript:alert(1)", "commit": "no commit", "repository": "https://github.com/a/b"},
    {"url": "https://ci.example.com:8443/view/9", "author": "https://example.com/~amina"},
    {"url": "https://jenkins.example.com/job/shop/job/main/12/"},
    {"url": "https://user:secret@ci.example.com/1"},
    {"url": "javascript:alert(1)", "repository": "javascript:alert(1)", "branch": "main"},
    {"pullRequest": True, "branch": 5, "commit": None, "url": ["https://example.com"]},
    {"repository": "https://github.com/a/b/", "branch": "a'b(c)!*~é?#", "pullRequest": "../settings"},
]


def meta_of(repository: str, url: str | None) -> dict[str, Any]:
    meta = {"repository": repository, "branch": "fix/a b", "commit": SHA, "pullRequest": 482}
    return meta | ({"url": url} if url else {})


@pytest.mark.parametrize(("repository", "url", "expected"), FORGES, ids=lambda one: str(one)[:40])
def test_each_forge_has_its_forms(app: Flask, repository: str, url: str, expected: list[str]) -> None:
    with app.test_request_context():
        branch, commit, pull, place = sources(meta_of(repository, url))
    below = repository.removesuffix(".git")
    assert [branch.href, commit.href, pull.href] == [below + path for path in expected[:3]]
    assert [branch.text, commit.text, pull.text, place.text] == ["fix/a b", SHA, *expected[3:]]
    assert place.href == url


def test_nothing_but_an_address_of_the_web_is_a_link(app: Flask) -> None:
    with app.test_request_context():
        links = [one.href for meta in OTHERS for one in sources(meta) if one.href]
    assert [link for link in links if not link.startswith(("https://", "http://"))] == []
    assert "https://github.com/a/b/pull/../settings" not in links


def test_the_page_says_the_same(app: Flask) -> None:
    metas = [meta_of(repository, url) for repository, url, _ in FORGES] + OTHERS
    script = """
    import { sources } from "chef/sources.js";
    const plain = ({ kind, text, href }) => [kind, text, href];
    const answer = (metas) => metas.map((meta) => sources(meta).map(plain));
    """
    with app.test_request_context():
        assert run(script, metas) == [[list(one) for one in sources(meta)] for meta in metas]

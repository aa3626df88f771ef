"""Commit statuses: which repository and commit a build names, and which token is whose."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chef.domain.repositories import Repository, commit_of, repository_of
from chef.reporter.ci.detect import detect_build
from chef.settings.config import SettingError, Settings
from tests.tools.ci_systems import SYSTEMS

SHOP = ("acme", "shop")


@pytest.mark.parametrize(
    ("text", "host", "port", "path"),
    [
        ("https://github.com/acme/shop", "github.com", None, "acme/shop"),
        ("https://github.com/acme/shop.git", "github.com", None, "acme/shop"),
        ("https://GitHub.com/acme/shop/", "github.com", None, "acme/shop"),
        ("https://www.github.com/acme/shop?tab=readme#top", "github.com", None, "acme/shop"),
        ("https://bot:ghp_secret@github.com/acme/shop.git", "github.com", None, "acme/shop"),
        ("http://git.example.com:3000/acme/shop.git", "git.example.com", 3000, "acme/shop"),
        ("http://127.0.0.1:3000/acme/shop", "127.0.0.1", 3000, "acme/shop"),
        ("http://[::1]:3000/acme/shop", "::1", 3000, "acme/shop"),
        ("https://git.example.com:443/acme/shop", "git.example.com", None, "acme/shop"),
        ("http://localhost/acme/shop", "localhost", None, "acme/shop"),
        ("git@github.com:acme/shop.git", "github.com", None, "acme/shop"),
        ("git@gitlab.com:1234/deep/shop.git", "gitlab.com", None, "1234/deep/shop"),
        ("git@ssh.github.com:acme/shop", "github.com", None, "acme/shop"),
        ("github.com:acme/shop.git", "github.com", None, "acme/shop"),
        ("git@git.example.com:/acme/shop.git", "git.example.com", None, "acme/shop"),
        ("ssh://git@git.example.com:2222/acme/shop.git", "git.example.com", None, "acme/shop"),
        ("ssh://git@altssh.gitlab.com:443/acme/shop.git", "gitlab.com", None, "acme/shop"),
        ("git+ssh://git@github.com/acme/shop.git", "github.com", None, "acme/shop"),
        ("git://git.example.com/acme/shop", "git.example.com", None, "acme/shop"),
        ("github.com/acme/shop", "github.com", None, "acme/shop"),
        ("localhost:3000/acme/shop", "localhost", None, "acme/shop"),
        ("https://gitlab.com/acme/deep/er/shop", "gitlab.com", None, "acme/deep/er/shop"),
        ("https://gitlab.com/acme/deep/shop/-/tree/main", "gitlab.com", None, "acme/deep/shop"),
        ("acme/shop", None, None, "acme/shop"),
        ("acme.io/shop", None, None, "acme.io/shop"),
        ("acme/deep/shop.git", None, None, "acme/deep/shop"),
        (" acme/shop \n", None, None, "acme/shop"),
    ],
)
def test_a_repository_is_known_in_each_form(text: str, host: str | None, port: int | None, path: str) -> None:
    assert repository_of(text) == Repository(host, port, tuple(path.split("/")))


@pytest.mark.parametrize(
    "text",
    [
        *("", "shop", "/", "a//b", "https://github.com/acme", "https://github.com/", "https:///acme/shop"),
        *("https://github.com/../shop", "https://github.com/acme/..", "https://github.com/acme/%2e%2e"),
        *("javascript:alert(1)", "https://github.com/acme/sh op", "file:///srv/acme/shop", "acme/shop\0"),
        *("https://github.com/acme/shöp", "/".join(["a"] * 30), "https://x/" + "a/" * 2000),
        *("git@host:../../etc/passwd", "https://github.com/acme/sh\nop"),
    ],
)
def test_what_is_no_repository_is_none(text: str) -> None:
    assert repository_of(text) is None


@pytest.mark.parametrize("value", [None, 5, True, ["acme/shop"], {"a": "b"}])
def test_only_text_names_one(value: Any) -> None:
    assert repository_of(value) is None
    assert commit_of(value) is None


@given(st.text(max_size=300))
@example("a@" * 150)
@example("https://" + "a@" * 140 + "b/c/d")
@example("a:" * 150)
def test_any_text_is_a_repository_of_plain_names_or_none(text: str) -> None:
    found = repository_of(text)
    if found is not None:
        assert len(found.names) >= 2
        assert all(name.strip(".") and "/" not in name and name.isascii() for name in found.names)


def test_each_ci_system_names_its_repository_so_that_it_is_understood() -> None:
    """What the reporter fills in is an address or owner and name, wherever the system tells it."""
    named = {}
    for name, (environ, *_expected) in SYSTEMS.items():
        build = detect_build(environ)
        value = build.meta.get("repository") if build else None
        if value:
            named[name] = repository_of(value)
    assert {"github", "gitlab", "gitea", "jenkins", "circleci", "buildkite", "drone"} <= set(named)
    # Repositories of Azure itself are named with blanks, and are on no forge that is told.
    assert {name for name, found in named.items() if found is None} == {"azure"}


@pytest.mark.parametrize("length", [40, 64])
def test_a_commit_is_whole(length: int) -> None:
    whole = ("4F1c2d9e" * 8)[:length]
    assert commit_of(f" {whole}\n") == whole.lower()
    for wrong in (whole[:-1], whole + "0", whole[:7], "g" * length, "HEAD", "", "0" * length):
        assert commit_of(wrong) is None


# The setting


def tokens(text: str) -> list[tuple[str, str, tuple[str, ...], str]]:
    found = Settings.from_env({"CHEF_STATUS_TOKEN": text}, dotenv=None).status_tokens
    return [(one.kind, one.origin, one.names, one.token) for one in found]


def test_a_token_alone_is_one_for_github() -> None:
    assert tokens("ghp_secret") == [("github", "https://github.com", (), "ghp_secret")]


def test_each_host_has_its_own_token() -> None:
    text = (
        "github.com=a, github.com/Acme=b,gitlab.example.com=c,forgejo+git.example.com:8443=d=,"
        "gitea+http://10.0.0.5:3000=e,github+https://code.example.com/=f,acme.ghe.com=g,codeberg.org=h,"
        "gitlab+http://[::1]:8080/acme/deep=i"
    )
    assert tokens(text) == [
        ("github", "https://github.com", (), "a"),
        ("github", "https://github.com", ("acme",), "b"),
        ("gitlab", "https://gitlab.example.com", (), "c"),
        ("gitea", "https://git.example.com:8443", (), "d="),
        ("gitea", "http://10.0.0.5:3000", (), "e"),
        ("github", "https://code.example.com", (), "f"),
        ("github", "https://acme.ghe.com", (), "g"),
        ("gitea", "https://codeberg.org", (), "h"),
        ("gitlab", "http://[::1]:8080", ("acme", "deep"), "i"),
    ]


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("git.example.com=s3cr3t", "has a host whose name does not say what it is: write github+HOST"),
        ("github.gitlab.example.com=s3cr3t", "has a host whose name does not say what it is"),
        ("bitbucket+bitbucket.org=s3cr3t", "must be a token for github.com, or HOST=TOKEN"),
        ("ftp://github.com=s3cr3t", "must be a token for github.com, or HOST=TOKEN"),
        ("user:s3cr3t@github.com=s3cr3t", "must be a token for github.com, or HOST=TOKEN"),
        ("github.com/a b=s3cr3t", "must be a token for github.com, or HOST=TOKEN"),
        ("github .com=s3cr3t", "must be a token for github.com, or HOST=TOKEN"),
        ("github.com:99999=s3cr3t", "has a port outside 1 to 65535"),
        ("github.com:0=s3cr3t", "has a port outside 1 to 65535"),
        ("github.com=", "must have tokens of at most 1024 printable ASCII characters"),
        ("s3cr3t,", "must have tokens of at most 1024 printable ASCII characters"),
        ("github.com=s3cr3t s3cr3t", "must have tokens of at most 1024 printable ASCII characters"),
        ("github.com=s3cr3té", "must have tokens of at most 1024 printable ASCII characters"),
        ("s3cr3t" * 200, "must have tokens of at most 1024 printable ASCII characters"),
        ("s3cr3t,other-s3cr3t", "has two tokens for the same host"),
        ("s3cr3t,github.com=s3cr3t2", "has two tokens for the same host"),
        ("glpat-s3cr3t", "has a token of GitLab without its host: write gitlab.com=TOKEN"),
    ],
)
def test_a_bad_value_stops_the_start_with_a_line_without_the_secret(text: str, allowed: str) -> None:
    with pytest.raises(SettingError) as caught:
        tokens(text)
    line = str(caught.value)
    assert line.startswith(f"CHEF_STATUS_TOKEN {allowed}")
    assert "s3cr3t" not in line
    assert "\n" not in line


def test_a_token_is_not_shown_with_the_settings() -> None:
    settings = Settings.from_env({"CHEF_STATUS_TOKEN": "ghp_s3cr3t"}, dotenv=None)
    assert "s3cr3t" not in f"{settings} {settings.status_tokens}"

"""CHEF_NOTIFY's grammar and CHEF_URL: what is read, what stops the start, and that no secret is shown."""

from __future__ import annotations

import pytest

from chef.outbox.kinds import make_channels
from chef.outbox.values import Word
from chef.settings.config import SettingError, Settings
from chef.settings.notify import DEFAULT_WORDS, NotifyTarget
from chef.settings.platforms import platform_defaults

HIDDEN = "hunter2hunter2"


def notify(text: str) -> tuple[NotifyTarget, ...]:
    return Settings.from_env({"CHEF_NOTIFY": text}, None).notify


@pytest.mark.parametrize(
    ("text", "words", "projects"),
    [
        ("https://a.example/x", DEFAULT_WORDS, ()),
        ("https://a.example/x#", DEFAULT_WORDS, ()),
        ("https://a.example/x#completed", {"completed"}, ()),
        ("https://a.example/x#started,Failed", {"started", "failed"}, ()),
        ("https://a.example/x#failed&project=web", {"failed"}, {"web"}),
        ("https://a.example/x#&project=web,a%2Bb", DEFAULT_WORDS, {"web", "a+b"}),
        ("https://a.example/x#failed&project=web&project=shop", {"failed"}, {"web", "shop"}),
        ("https://a.example/x?b=1&project=c#failed", {"failed"}, ()),
    ],
)
def test_a_target_is_a_url_with_words_and_projects(
    text: str, words: frozenset[str], projects: tuple[str, ...]
) -> None:
    assert notify(text) == (NotifyTarget(text.partition("#")[0], frozenset(words), frozenset(projects)),)


def test_several_targets_are_separated_by_any_spaces() -> None:
    found = notify(" https://a.example/x#failed \n https://b.example/?q=%23%20  ")
    assert [one.url for one in found] == ["https://a.example/x", "https://b.example/?q=%23%20"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HIDDEN, "target 1 must be a URL"),
        (f"https://ok.example/ {HIDDEN}://", "target 2 must be a URL"),
        (
            f"https://x.example/{HIDDEN}#failed,finished",
            "target 1 (https://…) has a word behind # that is none",
        ),
        (f"https://x.example/{HIDDEN}#failed,", "target 1 (https://…) has a word"),
        (f"https://x.example/{HIDDEN}&project=web", "target 1 (https://…) needs its words before &project="),
        (f"https://x.example/{HIDDEN}#failed&projects=web", "target 1 (https://…) takes &project=ID"),
        (f"https://x.example/{HIDDEN}#failed&project=", "target 1 (https://…) takes &project=ID"),
        (
            f"https://x.example/{HIDDEN} https://x.example/{HIDDEN}#completed",
            "target 2 (https://…) is target 1 again",
        ),
        (f"smtp://{HIDDEN}", "target 1 (smtp://…) must begin with one of https://, "),
        (f"https://user:{HIDDEN}@x.example/", "target 1 (https://…) must not have a user or a password"),
        (f"https:///{HIDDEN}", "target 1 (https://…) needs a host"),
        (f"https://x.example:99999/{HIDDEN}", "target 1 (https://…) needs a host, and a port up to 65535"),
    ],
)
def test_a_bad_target_is_named_without_its_secret(text: str, said: str) -> None:
    with pytest.raises(SettingError) as caught:
        make_channels(Settings.from_env({"CHEF_NOTIFY": text}, None))
    assert str(caught.value).startswith(f"CHEF_NOTIFY {said}")
    assert HIDDEN not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_secrets_are_not_in_what_is_logged() -> None:
    settings = Settings.from_env({"CHEF_NOTIFY": f"https://x.example/{HIDDEN}?k={HIDDEN}#failed"}, None)
    (channel,) = make_channels(settings)
    assert channel.label == "https://x.example"
    assert channel.words == {Word.FAILED}
    assert HIDDEN not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, "http://localhost:3001"),
        ({"PORT": "80", "CHEF_ALLOWED_HOSTS": "*"}, "http://localhost:80"),
        ({"CHEF_ALLOWED_HOSTS": "*.example.com,chef.example.com"}, "https://chef.example.com"),
        ({"CHEF_ALLOWED_HOSTS": "[2001:db8::1]"}, "https://[2001:db8::1]"),
        ({"CHEF_ALLOWED_HOSTS": "127.0.0.1"}, "http://127.0.0.1:3001"),
        ({"CHEF_URL": "HTTPS://Chef.Example:443/ci/"}, "https://chef.example/ci"),
        ({"CHEF_URL": "http://chef:3001", "RENDER_EXTERNAL_URL": "https://x"}, "http://chef:3001"),
        ({"RENDER_EXTERNAL_URL": "https://chef.onrender.com"}, "https://chef.onrender.com"),
        ({"RAILWAY_PUBLIC_DOMAIN": "chef.up.railway.app"}, "https://chef.up.railway.app"),
        ({"FLY_APP_NAME": "chef"}, "https://chef.fly.dev"),
        ({"HEROKU_APP_DEFAULT_DOMAIN_NAME": "chef-1.herokuapp.com"}, "https://chef-1.herokuapp.com"),
        ({"COOLIFY_FQDN": "http://a.example,https://b.example"}, "http://a.example"),
        ({"WEBSITE_HOSTNAME": "chef.azurewebsites.net"}, "https://chef.azurewebsites.net"),
        ({"COOLIFY_URL": "not one", "CHEF_ALLOWED_HOSTS": "chef.example.com"}, "https://chef.example.com"),
    ],
)
def test_the_servers_address_is_the_settings_the_platforms_or_a_guess(
    environ: dict[str, str], address: str
) -> None:
    settings = Settings.from_env(environ, None)
    assert settings.address == address
    assert settings.is_address_known == (settings.url is not None)
    assert settings.is_address_known == bool(
        {"CHEF_URL"} & set(environ) or "url" in platform_defaults(environ)
    )


@pytest.mark.parametrize(
    "text",
    ["chef.example", "ftp://chef.example", "https://u:p@chef.example", "https://chef.example/?a", "https://"],
)
def test_an_address_that_people_cannot_open_stops_the_start(text: str) -> None:
    with pytest.raises(SettingError, match=r"^CHEF_URL="):
        Settings.from_env({"CHEF_URL": text}, None)

"""Settings: contract section 1."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from chef.domain.model import ID
from chef.settings import config
from chef.settings.config import (
    SETTINGS,
    SettingError,
    Settings,
    environment,
    load_settings_or_exit,
    unknown_names,
)
from chef.settings.notify import NotifyTarget
from chef.settings.quotas import Quota
from chef.settings.rules import Setting
from chef.settings.statustokens import StatusToken

SECRET = "s" * 32
RSA_2048 = rsa.generate_private_key(65537, 2048)


@pytest.fixture
def root_logging() -> Iterator[None]:
    """Logging as it was, after a test that sets it up."""
    root, chef = logging.getLogger(), logging.getLogger("chef")
    before = list(root.handlers), root.level, chef.level
    yield
    root.handlers, (root.level, chef.level) = before[0], before[1:]
    logging.captureWarnings(False)


def public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def read(**environ: str) -> Settings:
    return Settings.from_env(environ, dotenv=None)


def refusal(**environ: str) -> str:
    """The one line that a wrong environment gets."""
    with pytest.raises(SettingError) as caught:
        read(**environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_setting_the_defaults_are_the_contracts() -> None:
    settings = read()
    assert settings == Settings()
    assert settings == Settings(
        port=3001,
        host="0.0.0.0",
        websocket_enabled=True,
        websocket_cors_origin=None,
        database_url="sqlite:///chef.db",
        store_connections=4,
        redis_url=None,
        api_tokens=(),
        project_tokens=(),
        jwt_secret_previous=None,
        jwt_secret=None,
        jwt_public_key=None,
        public_read=True,
        max_body_bytes=1048576,
        max_report_bytes=33554432,
        max_log_line_bytes=65536,
        max_log_bytes=104857600,
        retention_days=30,
        abandon_hours=24,
        ping_interval=20,
        ping_timeout=20,
        max_connections=0,
        max_connections_per_address=1000,
        header_timeout=10,
        body_timeout=15,
        keepalive_timeout=75,
        connect_timeout=10,
        max_frame_bytes=65536,
        max_subscriptions=1000,
        max_events_per_second=100,
        log_format="text",
    )


def test_every_field_has_its_row_in_the_table() -> None:
    assert {setting.field for setting in SETTINGS} == {field.name for field in dataclasses.fields(Settings)}


def test_every_setting_is_read_from_its_variable() -> None:
    settings = read(
        PORT="8080",
        HOST="127.0.0.1",
        WEBSOCKET_ENABLED="false",
        WEBSOCKET_CORS_ORIGIN="https://a.example,https://b.example",
        DATABASE_URL="sqlite:////data/chef.db",
        CHEF_STORE_CONNECTIONS="3",
        REDIS_URL="redis://localhost:6379/1",
        CHEF_API_TOKEN="one-token,another-token",
        CHEF_PROJECT_TOKENS="web=a-web-token,shop=a-shop-token",
        CHEF_JWT_SECRET=SECRET,
        CHEF_JWT_SECRET_PREVIOUS="p" * 32,
        CHEF_HOOK_SECRET="whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz,another-long-secret",
        CHEF_NOTIFY="https://example.com/hook#failed&project=web",
        CHEF_STATUS_TOKEN="ghp_one,gitea+http://git.example.com:3000/Acme=two=",
        CHEF_PUBLIC_READ="true",
        CHEF_MAX_BODY_BYTES="1000",
        CHEF_MAX_REPORT_BYTES="2000",
        CHEF_MAX_LOG_LINE_BYTES="2000",
        CHEF_MAX_LOG_BYTES="3000",
        CHEF_RETENTION_DAYS="0",
        CHEF_ABANDON_HOURS="0",
        CHEF_PING_INTERVAL="5",
        CHEF_PING_TIMEOUT="6",
        CHEF_MAX_CONNECTIONS="7000",
        CHEF_MAX_CONNECTIONS_PER_ADDRESS="80",
        CHEF_HEADER_TIMEOUT="9",
        CHEF_BODY_TIMEOUT="10",
        CHEF_KEEPALIVE_TIMEOUT="11",
        CHEF_CONNECT_TIMEOUT="12",
        CHEF_MAX_FRAME_BYTES="13000",
        CHEF_MAX_SUBSCRIPTIONS="14",
        CHEF_MAX_EVENTS_PER_SECOND="15",
        CHEF_RATE_WRITES="100/min",
        CHEF_RATE_FAILURES="5 / h",
        CHEF_MAX_STORE_BYTES="5000000",
        CHEF_MAX_JOBS_PER_HOUR="17",
        CHEF_MAX_PROJECTS="18",
        CHEF_MAX_STREAMS="19",
        CHEF_MAX_PHASES="20",
        CHEF_MAX_WAIT="16",
        CHEF_CONTROL="true",
        CHEF_TRUSTED_PROXIES="7",
        CHEF_CLIENT_HEADER="True-Client-IP",
        CHEF_ALLOWED_HOSTS="Chef.Example., *.Example.COM,[2001:DB8::1],10.0.0.1",
        CHEF_FRAME_ANCESTORS="https://Docs.example,http://localhost:3000",
        CHEF_URL="HTTPS://Chef.Example/",
        CHEF_LOG_FORMAT="json",
    )
    assert settings == Settings(
        port=8080,
        host="127.0.0.1",
        websocket_enabled=False,
        websocket_cors_origin=("https://a.example", "https://b.example"),
        database_url="sqlite:////data/chef.db",
        store_connections=3,
        redis_url="redis://localhost:6379/1",
        api_tokens=("one-token", "another-token"),
        project_tokens=(("web", "a-web-token"), ("shop", "a-shop-token")),
        jwt_secret=SECRET,
        jwt_secret_previous="p" * 32,
        hook_secrets=("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", "another-long-secret"),
        notify=(NotifyTarget("https://example.com/hook", frozenset({"failed"}), frozenset({"web"})),),
        status_tokens=(
            StatusToken("github", "https", "github.com", 443, (), "ghp_one"),
            StatusToken("gitea", "http", "git.example.com", 3000, ("acme",), "two="),
        ),
        public_read=True,
        max_body_bytes=1000,
        max_report_bytes=2000,
        max_log_line_bytes=2000,
        max_log_bytes=3000,
        retention_days=0,
        abandon_hours=0,
        ping_interval=5,
        ping_timeout=6,
        max_connections=7000,
        max_connections_per_address=80,
        header_timeout=9,
        body_timeout=10,
        keepalive_timeout=11,
        connect_timeout=12,
        max_frame_bytes=13000,
        max_subscriptions=14,
        max_events_per_second=15,
        rate_writes=Quota(100, 60),
        rate_failures=Quota(5, 3600),
        max_store_bytes=5_000_000,
        max_jobs_per_hour=17,
        max_projects=18,
        max_streams=19,
        max_phases=20,
        max_wait=16,
        control=True,
        trusted_proxies=7,
        client_header="True-Client-IP",
        allowed_hosts=("chef.example", "*.example.com", "2001:db8::1", "10.0.0.1"),
        frame_ancestors=("https://docs.example", "http://localhost:3000"),
        url="https://chef.example",
        log_format="json",
    )


@pytest.mark.parametrize("name", config.NAMES)
def test_an_empty_variable_is_an_unset_one(name: str) -> None:
    assert read(**{name: ""}) == Settings()


@pytest.mark.parametrize("setting", [one for one in SETTINGS if one.show], ids=lambda one: one.name)
def test_blanks_around_a_value_do_not_count(setting: Setting) -> None:
    assert read(**{setting.name: " \t "}) == Settings()
    assert read(PORT=" 8080 ", HOST="localhost\n").port == 8080


@pytest.mark.parametrize(
    "name",
    [
        "CHEF_API_TOKEN",
        "CHEF_HOOK_SECRET",
        "CHEF_NOTIFY",
        "CHEF_STATUS_TOKEN",
        "CHEF_JWT_SECRET",
        "CHEF_JWT_PUBLIC_KEY",
    ],
)
def test_a_blank_secret_is_a_slip_and_never_an_open_server(name: str) -> None:
    assert refusal(**{name: "  "}) == f"{name} must not be blank: set it or leave it empty"


def test_the_documented_table_has_each_setting_with_its_default() -> None:
    document = (Path(__file__).parent.parent / "docs" / "deploy.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in document.splitlines() if re.match(r"\| `[A-Z_]+` \|", line)]
    documented = {row[1].strip(" `"): row[2].strip(" `") for row in rows}
    assert list(documented) == list(config.NAMES)
    said = {name: text for name, text in documented.items() if name != "CHEF_PUBLIC_READ" and text != "unset"}
    assert read(**said) == Settings()
    unset = {setting.name for setting in SETTINGS if getattr(Settings(), setting.field) in (None, ())}
    assert {name for name, text in documented.items() if text == "unset"} == unset


# Names


@pytest.mark.parametrize(
    "text",
    [
        "https://chef.example",
        "chef.example:3001",
        "chef.example/x",
        "a b",
        "*.*",
        "*example.com",
        "a,",
        "*.10.0.0.1",
    ],
)
def test_a_name_that_the_server_answers_to_is_a_host_alone(text: str) -> None:
    assert "must be host names or IP addresses separated by commas, without scheme" in refusal(
        CHEF_ALLOWED_HOSTS=text
    )


# Quotas


def test_a_number_without_a_time_is_one_of_the_settings_own() -> None:
    settings = read(CHEF_RATE_WRITES="50", CHEF_RATE_FAILURES="7")
    assert (settings.rate_writes, settings.rate_failures) == (Quota(50, 1), Quota(7, 60))
    assert read(CHEF_RATE_WRITES="0", CHEF_RATE_FAILURES="0/h").rate_failures == Quota(0, 3600)
    assert f"{Quota(600, 1)} {Quota(20, 60)} {Quota(5, 3600)}" == "600/s 20/min 5/h"


@pytest.mark.parametrize("text", ["-1", "5/day", "5/", "/s", "1.5/s", "1000001/s", "5/s/s", "٣/s", "many"])
def test_a_quota_is_a_number_within_a_time(text: str) -> None:
    line = refusal(CHEF_RATE_WRITES=text)
    assert line == (
        f"CHEF_RATE_WRITES={text!r} must be a whole number from 0 to 1000000 with /s, /min or /h "
        "(else /s; 0: any number)"
    )
    with pytest.raises(SettingError, match=r"CHEF_RATE_FAILURES=.* must be a whole number"):
        Settings(rate_failures=Quota(-1, 60))


# Whole numbers


@pytest.mark.parametrize(
    "text", ["+5", "-1", "5.0", "5e0", "٣", "५", "0x10", "1_000", "ten", "65536", "9" * 5000, "1 2"]
)
def test_a_port_is_plain_digits_within_its_range(text: str) -> None:
    assert (
        refusal(PORT=text) == f"PORT={text[:200]!r} must be a whole number from 0 to 65535 (0: any free port)"
    )


def test_the_refused_line_is_the_same_for_a_setting_made_in_python() -> None:
    with pytest.raises(SettingError, match=r"^PORT='65536' must be a whole number from 0 to 65535"):
        Settings(port=65536)
    for wrong in ("3001", True, 3001.0, None):
        with pytest.raises(SettingError, match=r"^PORT="):
            Settings(port=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("PORT", 0, 65535),
        ("CHEF_MAX_BODY_BYTES", 1, 2**30),
        ("CHEF_MAX_REPORT_BYTES", 1, 2**30),
        ("CHEF_MAX_LOG_LINE_BYTES", 1, 2**24),
        ("CHEF_MAX_LOG_BYTES", 1, 2**40),
        ("CHEF_RETENTION_DAYS", 0, 36500),
        ("CHEF_ABANDON_HOURS", 0, 876000),
        ("CHEF_STORE_CONNECTIONS", 2, 1000),
        ("CHEF_PING_INTERVAL", 1, 27),
        ("CHEF_PING_TIMEOUT", 1, 3600),
        ("CHEF_MAX_CONNECTIONS", 0, 2**20),
        ("CHEF_MAX_CONNECTIONS_PER_ADDRESS", 0, 2**20),
        ("CHEF_HEADER_TIMEOUT", 1, 3600),
        ("CHEF_BODY_TIMEOUT", 1, 3600),
        ("CHEF_KEEPALIVE_TIMEOUT", 1, 3600),
        ("CHEF_CONNECT_TIMEOUT", 1, 3600),
        ("CHEF_MAX_FRAME_BYTES", 1024, 2**24),
        ("CHEF_MAX_SUBSCRIPTIONS", 1, 2**20),
        ("CHEF_MAX_EVENTS_PER_SECOND", 1, 2**20),
        ("CHEF_MAX_STORE_BYTES", 0, 2**50),
        ("CHEF_MAX_JOBS_PER_HOUR", 0, 2**31 - 1),
        ("CHEF_MAX_PROJECTS", 0, 2**31 - 1),
        ("CHEF_MAX_STREAMS", 0, 2**31 - 1),
        ("CHEF_MAX_PHASES", 0, 2**31 - 1),
        ("CHEF_MAX_WAIT", 1, 3600),
        ("CHEF_TRUSTED_PROXIES", 0, 16),
    ],
)
def test_a_number_may_be_at_the_ends_of_its_range_and_not_beyond(name: str, low: int, high: int) -> None:
    field = next(setting.field for setting in SETTINGS if setting.name == name)
    for inside in (low, high):
        assert getattr(read(**{name: str(inside)}), field) == inside
    for outside in (low - 1, high + 1):
        assert f"from {low} to {high}" in refusal(**{name: str(outside)})


# Switches and words


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "Yes", "on"])
def test_a_switch_can_be_turned_on_in_the_usual_words(text: str) -> None:
    assert read(WEBSOCKET_ENABLED=text).websocket_enabled is True


@pytest.mark.parametrize("text", ["false", "False", "0", "NO", "off"])
def test_a_switch_can_be_turned_off_in_the_usual_words(text: str) -> None:
    assert read(WEBSOCKET_ENABLED=text).websocket_enabled is False


@pytest.mark.parametrize("text", ["2", "t", "enabled", "truе", "true,false", "None"])  # one is in Cyrillic
def test_any_other_word_for_a_switch_is_refused(text: str) -> None:
    assert refusal(WEBSOCKET_ENABLED=text).endswith(
        "must be true or false (also 1 or 0, yes or no, on or off)"
    )


def test_the_log_format_is_text_or_json() -> None:
    assert read(CHEF_LOG_FORMAT="JSON").log_format == "json"
    assert refusal(CHEF_LOG_FORMAT="logfmt") == "CHEF_LOG_FORMAT='logfmt' must be text or json"


# Hosts and origins


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("0.0.0.0", "0.0.0.0"),
        ("::", "::"),
        ("[::1]", "::1"),
        ("localhost", "localhost"),
        ("my-host.example.com", "my-host.example.com"),
    ],
)
def test_a_host_is_an_address_or_a_name(text: str, host: str) -> None:
    assert read(HOST=text).host == host


@pytest.mark.parametrize(
    "text",
    [
        "256.0.0.1",
        "1.2.3",
        "*",
        "http://localhost",
        "localhost:3001",
        "a b",
        "-a",
        "a..b",
        "é.example",
        "x" * 254,
    ],
)
def test_anything_else_is_no_host(text: str) -> None:
    assert "must be an IP address or a host name" in refusal(HOST=text)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("*", "*"),
        (" * ", "*"),
        ("https://app.example.com", ("https://app.example.com",)),
        ("HTTPS://App.Example.COM/", ("https://app.example.com",)),
        ("https://a.example:443,http://b.example:80", ("https://a.example", "http://b.example")),
        ("http://a.example:443", ("http://a.example:443",)),
        ("http://localhost:5173 , http://127.0.0.1:5173", ("http://localhost:5173", "http://127.0.0.1:5173")),
        ("http://[::1]:3000", ("http://[::1]:3000",)),
        ("capacitor://localhost", ("capacitor://localhost",)),
        ("https://a.example,https://A.example/", ("https://a.example",)),
        ("https://*.Vercel.app/", ("https://*.vercel.app",)),
        (
            "https://*.example.com:443,http://*.a.b.example:8080",
            ("https://*.example.com", "http://*.a.b.example:8080"),
        ),
        ("https://*.example.com.", ("https://*.example.com.",)),
        ("http://localhost:*", ("http://localhost:*",)),
        ("http://127.0.0.1:*/,https://[::1]:*", ("http://127.0.0.1:*", "https://[::1]:*")),
        ("http://app.localhost:*,http://*.localhost:*", ("http://app.localhost:*", "http://*.localhost:*")),
        ("http://*.localhost:5173", ("http://*.localhost:5173",)),
    ],
)
def test_allowed_origins_are_kept_as_browsers_write_them(text: str, origins: object) -> None:
    assert read(WEBSOCKET_CORS_ORIGIN=text).websocket_cors_origin == origins


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("app.example.com", "must be scheme://host"),
        ("https://", "must be scheme://host"),
        ("https://a.example/path", "must be scheme://host"),
        ("https://a.example?x", "must be scheme://host"),
        ("https://me:pw@a.example", "must be scheme://host"),
        ("https://a.example:x", "must be scheme://host"),
        ("https://a.example:65536", "has a port outside 1 to 65535"),
        ("https://a.example:0", "has a port outside 1 to 65535"),
        ("https://*", "takes * only as the first label below a named host"),
        ("https://*:443", "takes * only as the first label"),
        ("*://app.example.com", "takes * only as the first label"),
        ("https://a*.example.com", "takes * only as the first label"),
        ("https://*a.example.com", "takes * only as the first label"),
        ("https://app.*.com", "takes * only as the first label"),
        ("https://*.*.example.com", "takes * only as the first label"),
        ("https://app.example.*", "takes * only as the first label"),
        ("https://*.com", "takes * only below a named host"),
        ("https://*.com.:8443", "takes * only below a named host"),
        ("https://*.127.0.0.1", "takes * only below a named host"),
        ("https://*.[::1]", "takes * only below a named host"),
        ("https://app.example.com:*", "takes * for a port with localhost only"),
        ("https://*.example.com:*", "takes * for a port with localhost only"),
        ("http://localhost.example.com:*", "takes * for a port with localhost only"),
        ("http://localhost:30*", "takes * only as the first label"),
        ("http://localhost:3000:*", "must be scheme://host"),
        ("http://localhost:*:*", "takes * only as the first label"),
        ("capacitor://localhost:*", "takes * with http:// and https:// only"),
        ("exp://*.example.com", "takes * with http:// and https:// only"),
        ("*.example.com", "takes * only as the first label"),
        ("https://*.example.com/path", "must be scheme://host"),
        ("https://me@*.example.com", "takes * only as the first label"),
        ("*,https://*.example.com", "must be * alone or a list of origins"),
        ("https://bücher.example", "international names as xn--"),
        ("https://[::1", "must be scheme://host"),
        ("https://[nonsense]", "needs a plain host name"),
        ("null", "cannot allow the origin null"),
        ("https://a.example,null", "cannot allow the origin null"),
        ("*,https://a.example", "must be * alone or a list of origins"),
        ("https://a.example,", "must be scheme://host"),
        (",", "must be scheme://host"),
    ],
)
def test_what_no_browser_sends_is_no_origin(text: str, allowed: str) -> None:
    line = refusal(WEBSOCKET_CORS_ORIGIN=text)
    assert line.startswith("WEBSOCKET_CORS_ORIGIN=")
    assert allowed in line


# URLs


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("sqlite:///chef.db", "sqlite:///chef.db"),
        ("sqlite:////var/lib/chef.db", "sqlite:////var/lib/chef.db"),
        ("SQLite:///a b#c.db", "sqlite:///a b#c.db"),
        ("postgres://u:p@h:5432/db", "postgres://u:p@h:5432/db"),
        ("postgresql://u:p%40@h/db?sslmode=require", "postgresql://u:p%40@h/db?sslmode=require"),
        ("postgresql://u@[::1]:5433/db", "postgresql://u@[::1]:5433/db"),
        ("postgresql:///db?host=/run/pg", "postgresql:///db?host=/run/pg"),
        # Whatever libpq knows.
        ("postgres://u@h1:5432,h2,[::1]:5433/db", "postgres://u@h1:5432,h2,[::1]:5433/db"),
        ("postgres://h/db?ssl=true", "postgres://h/db?ssl=true"),
        ("postgres://h/db?connect_timeout=9", "postgres://h/db?connect_timeout=9"),
        ("postgres://h/db?options=-csearch_path%3Dbuilds", "postgres://h/db?options=-csearch_path%3Dbuilds"),
        (
            "postgres://h,i/db?target_session_attrs=read-write&application_name=a%20b",
            "postgres://h,i/db?target_session_attrs=read-write&application_name=a%20b",
        ),
    ],
)
def test_a_database_url_is_what_libpq_takes(url: str, normal: str) -> None:
    assert read(DATABASE_URL=url).database_url == normal


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ("prepare_threshold=0", "has the parameter 'prepare_threshold', which libpq does not know"),
        ("pool_size=4", "has the parameter 'pool_size', which libpq does not know"),
        ("sslmode=require&connect_timout=3", "libpq does not know, did you mean connect_timeout?"),
        ("ssl=yes", "has the parameter 'ssl', which libpq does not know"),
        ("sslmode", "cannot be read by libpq"),
        ("sslmode=prefered", 'is refused by libpq: invalid sslmode value: "prefered"'),
        ("target_session_attrs=write", 'is refused by libpq: invalid target_session_attrs value: "write"'),
        ("connect_timeout=soon", "has a parameter connect_timeout that is no whole number"),
        ("tcp_user_timeout=5s", "has a parameter tcp_user_timeout that is no whole number"),
        ("service=nowhere", 'is refused by libpq: definition of service "nowhere" not found'),
    ],
)
def test_parameters_that_libpq_does_not_take_are_refused(parameters: str, told: str) -> None:
    line = refusal(DATABASE_URL=f"postgres://u:hunter2@h/db?{parameters}")
    assert told in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("mysql://h/db", "must begin with sqlite:///, postgres:// or postgresql://"),
        ("postgresql+psycopg2://h/db", "must begin with"),
        ("chef.db", "must begin with"),
        ("sqlite", "must begin with"),
        ("sqlite://", "needs three slashes"),
        ("sqlite://chef.db", "needs three slashes"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///file::memory:?uri=true", "must name a file"),
        ("sqlite:////var/lib/", "must name a file"),
        ("sqlite:///chef.db?mode=memory&uri=true", "takes no parameters"),
        ("postgres://h", "needs the name of a database"),
        ("postgres://h/", "needs the name of a database"),
        ("postgres://h:99999/db", "one host"),
        ("postgres://h:x/db", "one host"),
        ("postgres://h1:1,h2:99999/db", "one host"),
        ("postgres://h1:1,h2:x/db", "one host"),
        ("postgres://u:p@q@h/db", "one host"),
        ("postgres://u:50%@h/db", "has a space or a lone %"),
        ("postgres://h/a b", "has a space or a lone %"),
    ],
)
def test_other_databases_and_broken_urls_are_refused(url: str, allowed: str) -> None:
    assert allowed in refusal(DATABASE_URL=url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "rediss://:pw@h:6380/1",
        "redis://u:pw@[::1]:6379/0?protocol=3",
        "unix:///run/redis.sock",
        "unix://u:pw@/run/redis.sock?db=2",
        "rediss://h?ssl_cert_reqs=none",
    ],
)
def test_a_redis_url_is_taken_as_it_is(url: str) -> None:
    assert read(REDIS_URL=url).redis_url == url


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://h",
        "redis://",
        "redis://h:0",
        "redis://h/name",
        "unix://",
        "unix://run/redis.sock",
    ],
)
def test_anything_else_is_no_redis_url(url: str) -> None:
    assert refusal(REDIS_URL=url).startswith("REDIS_URL=")


@pytest.mark.parametrize(
    "url",
    [
        "redis://h?colour=red",
        "redis://h?socket_timeout=soon",
        "redis://h?protocol=7",
        "unix:///run/redis.sock?socket_keepalive=True",
        "unix:///run/redis.sock?db=one",
    ],
)
def test_a_parameter_that_the_client_refuses_stops_the_start(url: str) -> None:
    assert "parameter" in refusal(REDIS_URL=url)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "mysql://user:hunter2@h/db"),
        ("DATABASE_URL", "postgres://user:hunter2@x@h/db"),
        ("DATABASE_URL", "postgres://user:hunter2/db"),
        ("DATABASE_URL", "postgres://user:a/hunter2@h/"),
        ("DATABASE_URL", "user:hunter2@h/db"),
        ("DATABASE_URL", "postgres://h:99999/db?password=hunter2"),
        ("REDIS_URL", "redis://:hunter2@h:99999"),
        ("REDIS_URL", "redis://hunter2@h:99999"),
        ("REDIS_URL", "http://h?password=hunter2"),
    ],
)
def test_a_refused_url_does_not_show_its_password(name: str, url: str) -> None:
    line = refusal(**{name: url})
    assert line.startswith(f"{name}=")
    assert "***" in line
    assert "hunter2" not in line


# Secrets


def test_write_tokens_are_separated_by_commas_and_trimmed() -> None:
    assert read(CHEF_API_TOKEN=" first-token ,second-token,first-token").api_tokens == (
        "first-token",
        "second-token",
    )


@pytest.mark.parametrize(
    "text", ["hunter2,", ",hunter2", "hunter2,,x", "hunter 2", "hunter2é", "hunter2" * 200, "hunter2\x7f"]
)
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(text: str) -> None:
    line = refusal(CHEF_API_TOKEN=text)
    assert line.startswith("CHEF_API_TOKEN must be one token or several separated by commas")
    assert "hunter2" not in line


def test_a_token_given_in_python_cannot_be_a_list_in_disguise() -> None:
    with pytest.raises(SettingError, match="separated by commas"):
        Settings(api_tokens=("one,two",))
    with pytest.raises(SettingError, match="separated by commas"):
        Settings(api_tokens="one")  # type: ignore[arg-type]


def test_a_jwt_secret_has_at_least_32_bytes_not_characters() -> None:
    assert read(CHEF_JWT_SECRET="é" * 16).jwt_secret == "é" * 16
    assert refusal(CHEF_JWT_SECRET="x" * 31) == (
        "CHEF_JWT_SECRET must be at least 32 bytes long, this one has 31"
    )


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        (SECRET + "\n", "must not begin or end with a space or a newline"),
        (SECRET + "\udcff", "must be UTF-8 text"),
        (
            public_pem(RSA_2048).strip(),
            "must be a plain secret; a public key belongs into CHEF_JWT_PUBLIC_KEY",
        ),
    ],
)
def test_a_jwt_secret_that_would_not_work_later_is_refused_now(text: str, allowed: str) -> None:
    assert refusal(CHEF_JWT_SECRET=text) == f"CHEF_JWT_SECRET {allowed}"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA_2048, "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
def test_the_type_of_the_public_key_fixes_the_algorithm(
    key: ed25519.Ed25519PrivateKey, algorithm: str
) -> None:
    pem = public_pem(key)
    on_one_line = pem.strip().replace("\n", "\\n")
    for text in (pem, on_one_line, on_one_line + "\\n", pem.replace("\n", "\r\n")):
        (verifying,) = read(CHEF_JWT_PUBLIC_KEY=text).verifying_keys
        assert verifying.algorithm == algorithm


def test_several_public_keys_stand_one_behind_the_other() -> None:
    pems = [public_pem(RSA_2048), public_pem(ed25519.Ed25519PrivateKey.generate())]
    for text in ("".join(pems), "\n".join(pems), "".join(pems).replace("\n", "\\n"), ",".join(pems)):
        found = read(CHEF_JWT_PUBLIC_KEY=text).verifying_keys
        assert [one.algorithm for one in found] == ["RS256", "EdDSA"]
    cut = pems[0] + pems[1].replace("-----END", "")
    assert refusal(CHEF_JWT_PUBLIC_KEY=cut).startswith("CHEF_JWT_PUBLIC_KEY must be a public key in PEM form")


def test_a_previous_secret_stands_beside_the_present_one() -> None:
    previous = "p" * 32
    keys = read(CHEF_JWT_SECRET=SECRET, CHEF_JWT_SECRET_PREVIOUS=previous).verifying_keys
    assert [one.key for one in keys] == [SECRET.encode(), previous.encode()]
    assert refusal(CHEF_JWT_SECRET_PREVIOUS=previous) == (
        "CHEF_JWT_SECRET_PREVIOUS is set without CHEF_JWT_SECRET: set that, too"
    )
    assert "at least 32 bytes" in refusal(CHEF_JWT_SECRET=SECRET, CHEF_JWT_SECRET_PREVIOUS="hunter2")


def test_a_project_may_have_several_tokens_and_a_token_may_hold_an_equals_sign() -> None:
    settings = read(CHEF_PROJECT_TOKENS=" web=one==, web = two ,shop=three,web=one==")
    assert settings.project_tokens == (("web", "one=="), ("web", "two"), ("shop", "three"))


@given(st.text(alphabet=st.characters(codec="latin-1", exclude_characters="=,"), max_size=130))
def test_the_projects_of_tokens_are_ids_as_everywhere(project: str) -> None:
    accepted = True
    try:
        Settings(project_tokens=((project, "a-token"),))
    except SettingError:
        accepted = False
    assert accepted == bool(ID.fullmatch(project))


@pytest.mark.parametrize(
    "text", ["hunter2", "web=", "=hunter2", "web=hunter2,", "a b=hunter2", "web=hunter 2", "web=hunter2é"]
)
def test_a_project_token_that_is_none_is_refused_without_showing_it(text: str) -> None:
    line = refusal(CHEF_PROJECT_TOKENS=text)
    assert line.startswith("CHEF_PROJECT_TOKENS must be PROJECT=TOKEN")
    assert "hunter2" not in line


def test_a_token_may_not_be_both_for_a_project_and_for_everything() -> None:
    line = refusal(CHEF_API_TOKEN="hunter2hunter2hunter2", CHEF_PROJECT_TOKENS="web=hunter2hunter2hunter2")
    assert line == "CHEF_PROJECT_TOKENS has a token of CHEF_API_TOKEN, which may write everything"


@pytest.mark.parametrize(
    ("pem", "allowed"),
    [
        (
            public_pem(rsa.generate_private_key(65537, 1024)),
            "is an RSA key of 1024 bits, at least 2048 are needed",
        ),
        (
            public_pem(ec.generate_private_key(ec.SECP384R1())),
            "must be an RSA key (RS256), an EC key on P-256",
        ),
        (public_pem(ed448.Ed448PrivateKey.generate()), "must be an RSA key (RS256)"),  # type: ignore[arg-type]
        ("hunter2", "must be a public key in PEM form"),
        ("-----BEGIN PUBLIC KEY-----\nhunter2\n-----END PUBLIC KEY-----", "must be a public key in PEM form"),
        ("hunter2\udcff", "must be a public key in PEM form"),
    ],
)
def test_any_other_public_key_is_refused_without_showing_it(pem: str, allowed: str) -> None:
    line = refusal(CHEF_JWT_PUBLIC_KEY=pem)
    assert line.startswith(f"CHEF_JWT_PUBLIC_KEY {allowed}")
    assert "hunter2" not in line
    assert "BEGIN" not in line.replace("(-----BEGIN PUBLIC KEY-----)", "")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_private_key_is_refused_and_said_to_be_one(form: PrivateFormat) -> None:
    pem = RSA_2048.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
    assert refusal(CHEF_JWT_PUBLIC_KEY=pem).startswith("CHEF_JWT_PUBLIC_KEY is a private key")


def test_two_jwt_keys_are_an_error() -> None:
    line = refusal(CHEF_JWT_SECRET=SECRET, CHEF_JWT_PUBLIC_KEY=public_pem(RSA_2048))
    assert line == "CHEF_JWT_PUBLIC_KEY and CHEF_JWT_SECRET are both set: set one of them"


def test_reading_is_public_unless_a_jwt_key_is_set() -> None:
    assert Settings().public_read is True
    assert Settings(api_tokens=("some-token",)).public_read is True
    assert Settings(jwt_secret=SECRET).public_read is False
    assert Settings(jwt_public_key=public_pem(RSA_2048)).public_read is False


def test_public_reading_can_be_said_either_way() -> None:
    assert Settings(public_read=False).public_read is False
    assert read(CHEF_PUBLIC_READ="yes", CHEF_JWT_SECRET=SECRET).public_read is True


def test_the_representation_shows_no_secret() -> None:
    settings = Settings(
        database_url="postgres://user:hunter2@h/db?sslpassword=hunter2",
        redis_url="redis://:hunter2@h",
        api_tokens=("hunter2hunter2hunter2",),
        project_tokens=(("web", "a-hunter2hunter2hunter2"),),
        jwt_secret="hunter2" * 5,
        jwt_secret_previous="hunter2" * 6,
    )
    shown = repr(settings) + str(settings) + f"{settings}"
    assert "hunter2" not in shown
    assert "database_url='postgres://***@h/db?sslpassword=***'" in shown
    assert "port=3001" in shown
    assert "BEGIN" not in repr(Settings(jwt_public_key=public_pem(RSA_2048)))


# .env


def test_a_dotenv_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# ours\nPORT=4000\nexport HOST='127.0.0.1'\nCHEF_LOG_FORMAT=json\n")
    settings = Settings.from_env({"PORT": "5000", "CHEF_LOG_FORMAT": ""}, file)
    assert (settings.port, settings.host, settings.log_format) == (5000, "127.0.0.1", "text")


def test_the_dotenv_file_of_the_working_directory_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", {"HOST": "127.0.0.1"})
    assert Settings.from_env() == Settings(host="127.0.0.1")
    (tmp_path / ".env").write_text("PORT=4000\n")
    assert Settings.from_env() == Settings(host="127.0.0.1", port=4000)


def test_a_dotenv_file_may_carry_a_pem_on_several_lines_or_on_one(tmp_path: Path) -> None:
    pem = public_pem(RSA_2048)
    for text in (f'CHEF_JWT_PUBLIC_KEY="{pem}"\n', "CHEF_JWT_PUBLIC_KEY=" + pem.replace("\n", "\\n")):
        (tmp_path / ".env").write_text(text)
        assert Settings.from_env({}, tmp_path / ".env").jwt_public_key == pem


def test_a_dotenv_line_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f'PORT=4000\nCHEF_JWT_SECRET="{SECRET}\n')
    with pytest.raises(SettingError) as caught:
        Settings.from_env({}, file)
    assert str(caught.value) == ".env line 2 cannot be read: lines are NAME=VALUE, quotes closed"


def test_a_dotenv_file_of_windows_is_read_and_one_that_is_not_text_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"\xef\xbb\xbfPORT=4000\r\n")
    assert Settings.from_env({}, file).port == 4000
    file.write_bytes(b"PORT=\xff\n")
    with pytest.raises(SettingError, match=r"^\.env must be UTF-8 text$"):
        Settings.from_env({}, file)


def test_a_directory_called_dotenv_is_no_settings_file(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert Settings.from_env({}, tmp_path / ".env") == Settings()
    assert environment({"A": "b"}, tmp_path / "missing") == {"A": "b"}


# What is said at start


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CHEF_PORT", "PORT"),
        ("CHEF_TOKEN", "CHEF_API_TOKEN"),
        ("CHEF_API_TOKENS", "CHEF_API_TOKEN"),
        ("CHEF_REDIS_URL", "REDIS_URL"),
        ("CHEF_MAX_LOG_LINE_BYTE", "CHEF_MAX_LOG_LINE_BYTES"),
        ("CHEF_CORS_ORIGIN", "WEBSOCKET_CORS_ORIGIN"),
        ("WEBSOCKET_CORS_ORIGINS", "WEBSOCKET_CORS_ORIGIN"),
        ("WEBSOCKET_ENABLE", "WEBSOCKET_ENABLED"),
        ("chef_jwt_secret", "CHEF_JWT_SECRET"),
    ],
)
def test_an_unknown_name_is_warned_about_with_the_nearest_known_one(name: str, nearest: str) -> None:
    assert unknown_names({name: "hunter2"}) == [f"{name} is not a setting of Chef, did you mean {nearest}?"]


def test_known_names_and_those_of_others_are_not_warned_about() -> None:
    assert unknown_names(dict.fromkeys((*config.NAMES, "PATH", "PORTS", "DATABASE_URLS"), "x")) == []


def test_a_short_token_and_a_server_that_nobody_can_read_are_doubted() -> None:
    (rebinding,) = config.doubts(Settings())
    assert rebinding.startswith("CHEF_ALLOWED_HOSTS is not set and anyone may read")
    for quiet in (
        Settings(allowed_hosts=("chef.example",)),
        Settings(allowed_hosts=("*",)),
        Settings(host="127.0.0.1"),
        Settings(host="localhost"),
        Settings(jwt_secret=SECRET),
    ):
        assert config.doubts(quiet) == []
    assert "fewer than 16 characters" in config.doubts(Settings(api_tokens=("x" * 16, "y" * 15)))[0]
    short = config.doubts(Settings(host="::1", project_tokens=(("web", "y" * 15),)))
    assert short == ["CHEF_PROJECT_TOKENS has a token of fewer than 16 characters, which can be guessed."]
    assert "nobody can read" in config.doubts(Settings(public_read=False))[0]
    told = Settings(host="127.0.0.1", notify=(NotifyTarget("https://x.example/"),), hook_secrets=("s" * 24,))
    assert config.doubts(told) == [
        "CHEF_URL is not set: links in messages and statuses lead to http://localhost:3001."
    ]
    assert config.doubts(dataclasses.replace(told, url="https://chef.example.com")) == []
    unsigned = dataclasses.replace(told, url="https://chef.example.com", hook_secrets=())
    assert config.doubts(unsigned) == ["Webhooks of CHEF_NOTIFY are not signed: set CHEF_HOOK_SECRET."]
    assert config.doubts(Settings(public_read=False, project_tokens=(("web", "x" * 16),))) == []
    assert config.doubts(Settings(public_read=False, api_tokens=("x" * 16,))) == []
    assert config.doubts(Settings(public_read=False, jwt_secret=SECRET)) == []


def test_a_bad_value_ends_the_start_with_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load_settings_or_exit({"PORT": "no"}, None)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "PORT='no' must be a whole number from 0 to 65535 (0: any free port)\n"


@pytest.mark.usefixtures("root_logging")
def test_a_good_start_sets_up_logging_and_warns(capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings_or_exit(
        {"CHEF_PORT": "1", "CHEF_API_TOKEN": "hunter2", "HOST": "localhost"}, None
    )
    assert settings.api_tokens == ("hunter2",)
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith(
        "WARNING chef.settings.config: CHEF_PORT is not a setting of Chef, did you mean PORT?"
    )
    assert second.endswith("fewer than 16 characters, which can be guessed.")
    assert "hunter2" not in first + second

"""Settings: the table of contract section 1, read from the environment and checked before anything starts."""

from __future__ import annotations

import difflib
import io
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from chef.settings import checks, logs, notify, rules, statustokens
from chef.settings.checks import Wrong
from chef.settings.notify import NotifyTarget
from chef.settings.platforms import platform_defaults, wiped_disk
from chef.settings.quotas import Quota
from chef.settings.rules import Setting
from chef.settings.statustokens import StatusToken

if TYPE_CHECKING:
    from chef.settings.keys import VerifyingKey

log = logging.getLogger(__name__)

DOTENV = Path(".env")
SHORT_TOKEN_CHARS = 16
FAILURES = Quota(20, 60)
"""Wrong tokens of one address, unless another number is set."""
_SHOWN_CHARS = 200


class SettingError(ValueError):
    """A setting is wrong. Its text is one line: the name, the value unless it is secret, what is allowed."""

    def __init__(self, name: str, allowed: str, value: str | None = None) -> None:
        self.name = name
        shown = "" if value is None else f"={value[:_SHOWN_CHARS]!r}"
        super().__init__(f"{name}{shown} {allowed}")


_BYTES = " (bytes)"
_ANY = " (0: any number)"
_SECONDS = " (seconds)"

SETTINGS: tuple[Setting, ...] = (
    rules.whole("PORT", "port", 0, 65535, " (0: any free port)"),
    rules.text("HOST", "host", checks.host),
    rules.switch("WEBSOCKET_ENABLED", "websocket_enabled"),
    Setting(
        "WEBSOCKET_CORS_ORIGIN",
        "websocket_cors_origin",
        rules.comma_separated,
        rules.check_origins,
        rules.show_list,
    ),
    rules.text("DATABASE_URL", "database_url", rules.check_database_url, rules.show_url),
    rules.whole("CHEF_STORE_CONNECTIONS", "store_connections", 2, 1000, ""),
    rules.text("REDIS_URL", "redis_url", rules.check_redis_url, rules.show_url),
    Setting("CHEF_API_TOKEN", "api_tokens", rules.comma_separated, rules.check_tokens, None),
    Setting("CHEF_PROJECT_TOKENS", "project_tokens", rules.project_tokens, rules.check_project_tokens, None),
    rules.text("CHEF_JWT_SECRET", "jwt_secret", rules.check_jwt_secret, None),
    rules.text("CHEF_JWT_SECRET_PREVIOUS", "jwt_secret_previous", rules.check_jwt_secret, None),
    rules.text("CHEF_JWT_PUBLIC_KEY", "jwt_public_key", rules.check_jwt_public_key, None),
    Setting("CHEF_HOOK_SECRET", "hook_secrets", rules.comma_separated, rules.check_hook_secrets, None),
    Setting("CHEF_NOTIFY", "notify", notify.read_targets, notify.check_targets, None),
    Setting(
        "CHEF_STATUS_TOKEN",
        "status_tokens",
        statustokens.read_status_tokens,
        statustokens.check_status_tokens,
        None,
    ),
    rules.switch("CHEF_PUBLIC_READ", "public_read"),
    rules.whole("CHEF_MAX_BODY_BYTES", "max_body_bytes", 1, 2**30, _BYTES),
    rules.whole("CHEF_MAX_REPORT_BYTES", "max_report_bytes", 1, 2**30, _BYTES),
    rules.whole("CHEF_MAX_LOG_LINE_BYTES", "max_log_line_bytes", 1, 2**24, _BYTES),
    rules.whole("CHEF_MAX_LOG_BYTES", "max_log_bytes", 1, 2**40, _BYTES),
    rules.whole("CHEF_RETENTION_DAYS", "retention_days", 0, 36500, " (0: keep all)"),
    rules.whole("CHEF_ABANDON_HOURS", "abandon_hours", 0, 876000, " (0: never)"),
    rules.whole("CHEF_PING_INTERVAL", "ping_interval", 1, 27, _SECONDS),
    rules.whole("CHEF_PING_TIMEOUT", "ping_timeout", 1, 3600, _SECONDS),
    rules.whole("CHEF_MAX_CONNECTIONS", "max_connections", 0, 2**20, " (0: 80 % of the descriptor limit)"),
    rules.whole(
        "CHEF_MAX_CONNECTIONS_PER_ADDRESS", "max_connections_per_address", 0, 2**20, " (0: any number)"
    ),
    rules.whole("CHEF_HEADER_TIMEOUT", "header_timeout", 1, 3600, _SECONDS),
    rules.whole("CHEF_BODY_TIMEOUT", "body_timeout", 1, 3600, _SECONDS),
    rules.whole("CHEF_KEEPALIVE_TIMEOUT", "keepalive_timeout", 1, 3600, _SECONDS),
    rules.whole("CHEF_CONNECT_TIMEOUT", "connect_timeout", 1, 3600, _SECONDS),
    rules.whole("CHEF_MAX_FRAME_BYTES", "max_frame_bytes", 1024, 2**24, _BYTES),
    rules.whole("CHEF_MAX_SUBSCRIPTIONS", "max_subscriptions", 1, 2**20, ""),
    rules.whole("CHEF_MAX_EVENTS_PER_SECOND", "max_events_per_second", 1, 2**20, ""),
    rules.quota("CHEF_RATE_WRITES", "rate_writes", "s"),
    rules.quota("CHEF_RATE_FAILURES", "rate_failures", "min"),
    rules.whole("CHEF_MAX_STORE_BYTES", "max_store_bytes", 0, 2**50, " (bytes; 0: any number)"),
    rules.whole("CHEF_MAX_JOBS_PER_HOUR", "max_jobs_per_hour", 0, 2**31 - 1, _ANY),
    rules.whole("CHEF_MAX_PROJECTS", "max_projects", 0, 2**31 - 1, _ANY),
    rules.whole("CHEF_MAX_STREAMS", "max_streams", 0, 2**31 - 1, _ANY),
    rules.whole("CHEF_MAX_PHASES", "max_phases", 0, 2**31 - 1, _ANY),
    rules.whole("CHEF_MAX_WAIT", "max_wait", 1, 3600, _SECONDS),
    rules.switch("CHEF_CONTROL", "control"),
    rules.whole("CHEF_TRUSTED_PROXIES", "trusted_proxies", 0, 16, " (0: none is believed)"),
    rules.text("CHEF_CLIENT_HEADER", "client_header", checks.header_name),
    Setting("CHEF_ALLOWED_HOSTS", "allowed_hosts", rules.comma_separated, rules.check_hosts, rules.show_list),
    Setting(
        "CHEF_FRAME_ANCESTORS",
        "frame_ancestors",
        rules.comma_separated,
        rules.check_frame_ancestors,
        rules.show_list,
    ),
    rules.text("CHEF_URL", "url", checks.server_url),
    rules.text("CHEF_LOG_FORMAT", "log_format", rules.check_log_format),
)
NAMES: tuple[str, ...] = tuple(setting.name for setting in SETTINGS)


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Everything an operator can set. `Settings()` is all defaults; a bad value raises `SettingError`.

    Sizes are bytes, times whole seconds, hours or days. `websocket_cors_origin` `None` means the own origin
    only. `public_read` left `None` is resolved here: true while no JWT key is set. It is resolved once,
    so give it again when a JWT key is added with `dataclasses.replace`.
    """

    port: int = 3001
    host: str = "0.0.0.0"  # noqa: S104 - the contract's default: a container is reached from outside
    websocket_enabled: bool = True
    websocket_cors_origin: Literal["*"] | tuple[str, ...] | None = None
    database_url: str = "sqlite:///chef.db"
    store_connections: int = 4
    redis_url: str | None = None
    api_tokens: tuple[str, ...] = ()
    project_tokens: tuple[tuple[str, str], ...] = ()
    jwt_secret: str | None = None
    jwt_secret_previous: str | None = None
    jwt_public_key: str | None = None
    hook_secrets: tuple[str, ...] = ()
    notify: tuple[NotifyTarget, ...] = ()
    status_tokens: tuple[StatusToken, ...] = ()
    public_read: bool | None = None
    max_body_bytes: int = 1_048_576
    max_report_bytes: int = 33_554_432
    max_log_line_bytes: int = 65_536
    max_log_bytes: int = 104_857_600
    retention_days: int = 30
    abandon_hours: int = 24
    ping_interval: int = 20
    ping_timeout: int = 20
    max_connections: int = 0
    max_connections_per_address: int = 1000
    header_timeout: int = 10
    body_timeout: int = 15
    keepalive_timeout: int = 75
    connect_timeout: int = 10
    max_frame_bytes: int = 65_536
    max_subscriptions: int = 1000
    max_events_per_second: int = 100
    rate_writes: Quota | None = None
    rate_failures: Quota = FAILURES
    max_store_bytes: int = 0
    max_jobs_per_hour: int = 50_000
    max_projects: int = 10_000
    max_streams: int = 1000
    max_phases: int = 1000
    max_wait: int = 3600
    control: bool = False
    trusted_proxies: int = 0
    client_header: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    url: str | None = None
    log_format: str = "text"

    def __post_init__(self) -> None:
        for setting in SETTINGS:
            value = getattr(self, setting.field)
            if value is None and _DEFAULTS[setting.field] is None:
                continue
            object.__setattr__(self, setting.field, _checked(setting, setting.check, value))
        if self.jwt_secret is not None and self.jwt_public_key is not None:
            raise SettingError("CHEF_JWT_PUBLIC_KEY", "and CHEF_JWT_SECRET are both set: set one of them")
        if self.jwt_secret_previous is not None and self.jwt_secret is None:
            raise SettingError("CHEF_JWT_SECRET_PREVIOUS", "is set without CHEF_JWT_SECRET: set that, too")
        if any(token in self.api_tokens for _, token in self.project_tokens):
            raise SettingError(
                "CHEF_PROJECT_TOKENS", "has a token of CHEF_API_TOKEN, which may write everything"
            )
        if self.public_read is None:
            object.__setattr__(self, "public_read", self.jwt_secret is None and self.jwt_public_key is None)

    def __repr__(self) -> str:
        shown = (f"{setting.field}={self._shown(setting)}" for setting in SETTINGS)
        return f"Settings({', '.join(shown)})"

    def _shown(self, setting: Setting) -> str:
        value = getattr(self, setting.field)
        if value is None or value == ():
            return repr(value)
        if setting.show is None:
            return "***"
        return repr(value if setting.show is str else setting.show(value))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, dotenv: Path | None = DOTENV) -> Settings:
        """The settings of `environ` (the process's by default) and of the file `dotenv`, which it overrides.

        Raises `SettingError` at the first bad value.
        """
        return cls._of(environment(environ, dotenv))

    @classmethod
    def _of(cls, values: Mapping[str, str]) -> Settings:
        given = platform_defaults(values)
        if values.get("CHEF_TRUSTED_PROXIES", "").strip():
            given.pop("client_header", None)  # An operator counts entries of X-Forwarded-For.
        for setting in SETTINGS:
            text = _given(setting, values.get(setting.name, ""))
            if text:
                given[setting.field] = _checked(setting, setting.read, text)
        return cls(**given)

    @property
    def is_postgres(self) -> bool:
        """Whether the store is PostgreSQL, else it is SQLite."""
        return not self.database_url.startswith("sqlite")

    @property
    def verifying_keys(self) -> tuple[VerifyingKey, ...]:
        """The keys that JWTs are verified with, the newest first; none where no JWT is accepted."""
        if self.jwt_secret is None and self.jwt_public_key is None:
            return ()
        from chef.settings import keys

        if self.jwt_public_key is not None:
            return keys.verifying_keys(self.jwt_public_key)
        secrets = (self.jwt_secret, self.jwt_secret_previous)
        return tuple(keys.VerifyingKey("HS256", secret.encode()) for secret in secrets if secret is not None)

    @property
    def is_address_known(self) -> bool:
        """Whether the server's address as people open it was said, by CHEF_URL or the platform."""
        return self.url is not None

    @property
    def address(self) -> str:
        """The server's address as people open it, without a slash at its end; it may be a guess."""
        if self.url is not None:
            return self.url
        named = next((name for name in self.allowed_hosts if "*" not in name), "localhost")
        host = f"[{named}]" if ":" in named else named
        return f"http://{host}:{self.port}" if checks.is_loopback_name(named) else f"https://{host}"

    @property
    def has_write_tokens(self) -> bool:
        """Whether there are tokens that need no key: without one, only this machine writes."""
        return bool(self.api_tokens or self.project_tokens)


_DEFAULTS: dict[str, Any] = {field.name: field.default for field in fields(Settings)}


def _given(setting: Setting, raw: str) -> str:
    """The text of a variable, empty where it is unset.

    Blank is unset like empty, but not for a secret: an operator who sets one wrongly must not end up
    with an open server.
    """
    if setting.show is None and raw and not raw.strip():
        raise SettingError(setting.name, "must not be blank: set it or leave it empty")
    return raw if setting.field in ("jwt_secret", "jwt_secret_previous") else raw.strip()


def _checked(setting: Setting, check: Callable[[Any], Any], value: Any) -> Any:
    try:
        return check(value)
    except Wrong as wrong:
        shown = None if setting.show is None else setting.show(value)
        raise SettingError(setting.name, str(wrong), shown) from None


# Reading


def environment(environ: Mapping[str, str] | None = None, dotenv: Path | None = DOTENV) -> dict[str, str]:
    """All variables: those of the file `dotenv` if there is one, and over them `environ`.

    A file that cannot be read to its end raises `SettingError`: a line that is skipped could be the
    one that closes the server.
    """
    values = _read_dotenv(dotenv) if dotenv is not None and dotenv.is_file() else {}
    values.update(os.environ if environ is None else environ)
    return values


def _read_dotenv(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingError(path.name, "must be UTF-8 text") from None
    except OSError as error:
        raise SettingError(path.name, f"cannot be read: {error.strerror}") from None
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            line = binding.original.line
            raise SettingError(path.name, f"line {line} cannot be read: lines are NAME=VALUE, quotes closed")
    values = dotenv_values(stream=io.StringIO(text))
    return {name: value for name, value in values.items() if value is not None}


def load_settings_or_exit(
    environ: Mapping[str, str] | None = None, dotenv: Path | None = DOTENV, *, serves: bool = True
) -> Settings:
    """The start of a server: settings read, logging set up, what is doubtful logged.

    A command that does not serve logs the names that are no settings, and no doubt about a server. A bad
    value ends the process with one line on stderr and status 2.
    """
    try:
        values = environment(environ, dotenv)
        settings = Settings._of(values)
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    logs.configure(settings.log_format)
    doubtful = [*doubts(settings), *wiped_disk(values, settings.database_url)] if serves else []
    for sentence in (*unknown_names(values), *doubtful):
        log.warning("%s", sentence)
    return settings


# Legal, but worth a sentence at start


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each `CHEF_*` or `WEBSOCKET_*` name that is no setting, with the nearest that is."""
    return [
        f"{name} is not a setting of Chef, did you mean {_nearest(name)}?"
        for name in sorted(environ)
        if name.upper().startswith(("CHEF_", "WEBSOCKET_")) and name not in NAMES
    ]


def _nearest(name: str) -> str:
    def bare(text: str) -> str:
        return text.removeprefix("CHEF_").removeprefix("WEBSOCKET_")

    def likeness(known: str) -> float:
        # The prefix is what people guess wrong most (CHEF_PORT), so it counts only once.
        whole = difflib.SequenceMatcher(None, name.upper(), known).ratio()
        return max(whole, difflib.SequenceMatcher(None, bare(name.upper()), bare(known)).ratio())

    return max(NAMES, key=likeness)


def doubts(settings: Settings) -> list[str]:
    """A sentence for each combination that is legal and probably not meant."""
    found = [
        f"{name} has a token of fewer than {SHORT_TOKEN_CHARS} characters, which can be guessed."
        for name, tokens in (
            ("CHEF_API_TOKEN", settings.api_tokens),
            ("CHEF_PROJECT_TOKENS", [token for _, token in settings.project_tokens]),
        )
        if any(len(token) < SHORT_TOKEN_CHARS for token in tokens)
    ]
    if not settings.public_read and not settings.has_write_tokens and not settings.verifying_keys:
        found.append(
            "CHEF_PUBLIC_READ is false and there is no CHEF_API_TOKEN, CHEF_PROJECT_TOKENS or JWT key: "
            "nobody can read."
        )
    if settings.public_read and not settings.allowed_hosts and not checks.is_loopback_name(settings.host):
        found.append(
            "CHEF_ALLOWED_HOSTS is not set and anyone may read: a web page from elsewhere can read builds "
            "through the browser of somebody who reaches this server (DNS rebinding). "
            "Set it to this server's names, or to *."
        )
    if (settings.notify or settings.status_tokens) and not settings.is_address_known:
        found.append(f"CHEF_URL is not set: links in messages and statuses lead to {settings.address}.")
    if not settings.hook_secrets and any(one.is_webhook for one in settings.notify):
        found.append("Webhooks of CHEF_NOTIFY are not signed: set CHEF_HOOK_SECRET.")
    return found

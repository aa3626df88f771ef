"""A row of the table of settings, and what rows have in common: how text is read and values are checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from chef.settings import checks, logs, quotas
from chef.settings.checks import Wrong
from chef.settings.originpatterns import origin_pattern


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    `read` makes the typed value of a variable's text, `check` takes a typed value and returns its
    normal form; both raise `Wrong`. `show` makes the value fit for a message, `None` for a secret's.
    """

    name: str
    field: str
    read: Callable[[str], Any]
    check: Callable[[Any], Any]
    show: Callable[[Any], str] | None = str


def _read_switch(text: str) -> bool:
    word = text.lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise Wrong("must be true or false (also 1 or 0, yes or no, on or off)")


def _check_switch(value: Any) -> bool:
    if type(value) is not bool:
        raise Wrong("must be true or false")
    return value


def whole(name: str, field: str, low: int, high: int, what: str) -> Setting:
    """A whole number within bounds; `what` is said behind them."""
    allowed = f"must be a whole number from {low} to {high}{what}"

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise Wrong(allowed)
        return int(text)

    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise Wrong(allowed)
        return value

    return Setting(name, field, read, check)


def switch(name: str, field: str) -> Setting:
    """True or false."""
    return Setting(name, field, _read_switch, _check_switch)


def text(
    name: str, field: str, check: Callable[[str], str], show: Callable[[Any], str] | None = str
) -> Setting:
    """Text that `check` gives its normal form."""

    def check_text(value: Any) -> str:
        if not isinstance(value, str):
            raise Wrong("must be text")
        return check(value)

    return Setting(name, field, str, check_text, show)


def quota(name: str, field: str, default_unit: str) -> Setting:
    """A number within a time; a number alone is one of the default unit."""
    return Setting(
        name,
        field,
        lambda text: quotas.read_quota(text, default_unit),
        lambda value: quotas.check_quota(value, default_unit),
    )


def comma_separated(text: str) -> tuple[str, ...]:
    """The parts of a list."""
    return tuple(part.strip() for part in text.split(","))


def check_origins(value: Any) -> Literal["*"] | tuple[str, ...]:
    """Origins and patterns of origins in their normal form, or `*` for any."""
    if value in ("*", ("*",)):
        return "*"
    if not isinstance(value, tuple) or not value or not all(isinstance(one, str) for one in value):
        raise Wrong("must be * or origins separated by commas, such as https://app.example.com")
    if "*" in value:
        raise Wrong("must be * alone or a list of origins, not both")
    if "null" in value:
        raise Wrong("cannot allow the origin null: any sandboxed page in the world has it")
    return tuple(dict.fromkeys(origin_pattern(one) for one in value))


def check_frame_ancestors(value: Any) -> tuple[str, ...]:
    """Origins whose pages may show ours in a frame, or `*` for any."""
    found = check_origins(value) if value != () else ()
    return ("*",) if found == "*" else found


def check_tokens(value: Any) -> tuple[str, ...]:
    """Tokens, each once."""
    if not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
        raise Wrong("must be tokens separated by commas")
    return tuple(dict.fromkeys(checks.api_token(one) for one in value))


def project_tokens(text: str) -> tuple[tuple[str, str], ...]:
    """Pairs of a project and a token. A token may hold `=`, a project's id does not."""
    pairs = (part.partition("=") for part in comma_separated(text))
    return tuple((project.strip(), token.strip()) for project, _, token in pairs)


def check_project_tokens(value: Any) -> tuple[tuple[str, str], ...]:
    """Pairs of a project and a token, each once."""
    if not isinstance(value, tuple) or not all(isinstance(one, tuple) and len(one) == 2 for one in value):
        raise Wrong("must be pairs of a project and a token")
    return tuple(dict.fromkeys(checks.project_token(project, token) for project, token in value))


def check_database_url(text: str) -> str:
    """The URL of a SQLite file or a PostgreSQL database."""
    url = checks.database_url(text)
    if not url.startswith("sqlite"):
        from chef.settings import libpq  # Loads psycopg, which is needed with PostgreSQL only.

        libpq.check(url)
    return url


def check_hook_secrets(value: Any) -> tuple[str, ...]:
    """Secrets that webhooks are signed with, each once."""
    if not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
        raise Wrong("must be secrets separated by commas")
    return tuple(dict.fromkeys(checks.hook_secret(one) for one in value))


def check_hosts(value: Any) -> tuple[str, ...]:
    """Names that the server answers to, each once."""
    if not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
        raise Wrong("must be host names separated by commas")
    return tuple(dict.fromkeys(checks.allowed_host(one) for one in value))


def check_jwt_secret(text: str) -> str:
    """An HS256 secret."""
    from chef.settings import keys  # Loads cryptography, which is needed with a key only.

    return keys.jwt_secret(text)


def check_jwt_public_key(text: str) -> str:
    """Public keys as PEM, one behind the other."""
    from chef.settings import keys

    return keys.jwt_public_keys(text)


def check_redis_url(text: str) -> str:
    """The URL of a Redis, with the parameters that its client library takes."""
    url = checks.redis_url(text)
    from chef.settings import redisurl  # Loads redis, which takes long.

    redisurl.check_parameters(url)
    return url


def check_log_format(value: str) -> str:
    """The form of the server's own log."""
    if value.lower() not in logs.FORMATS:
        raise Wrong("must be text or json")
    return value.lower()


def show_list(value: Any) -> str:
    """A list as it is written in the environment."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def show_url(value: Any) -> str:
    """A URL without its password."""
    return checks.masked(str(value))

"""JWTs (RFC 7519) that one of our keys has signed: reading and issuing them (contract section 6)."""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from chef.domain.model import ID, ID_RULE
from chef.errors import Unauthorized, WrongToken

if TYPE_CHECKING:
    from chef.settings.config import Settings
    from chef.settings.keys import VerifyingKey

READ = "read"
WRITE = "write"
SCOPES: frozenset[str] = frozenset({READ, WRITE})
TOKEN_MAX_BYTES = 8192
# Beyond this a JSON number is no longer exact; no honest token lives that long.
_LATEST = 2**53


class TokenError(ValueError):
    """A token cannot be issued; the text is one sentence for people."""


class JwtRights(NamedTuple):
    """The rights that a token gives: scopes, projects (`None`: all), until when (milliseconds).

    `name` is its holder's, as the claim `name` or else `sub` has it.
    """

    scopes: frozenset[str]
    projects: frozenset[str] | None
    expires_at: int
    name: str | None


def read_jwt(token: str, keys: tuple[VerifyingKey, ...], now: int) -> JwtRights:
    """The rights in a token that one of the keys has signed; `now` in milliseconds.

    Raises WrongToken for one that nobody signed, Unauthorized for one that is not valid now.
    """
    claims = _claims(token, keys)
    expires_at = _time(claims, "exp")
    if expires_at is None or expires_at <= now:
        raise Unauthorized("the token has expired")
    for claim in ("nbf", "iat"):
        begins = _time(claims, claim)
        if begins is not None and begins > now:
            raise Unauthorized(f"the token is not valid yet ({claim})")
    return JwtRights(_scopes(claims), _projects(claims), expires_at, _name(claims))


def _claims(token: str, keys: tuple[VerifyingKey, ...]) -> dict[str, Any]:
    """The claims of a token that one of the keys has signed."""
    *others, last = keys
    for key in others:
        with suppress(WrongToken):
            return _verified(token, key)
    return _verified(token, last)


def _verified(token: str, key: VerifyingKey) -> dict[str, Any]:
    import jwt  # Only where there is a key: it came with the key's check.

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            # PyJWT would take times from the machine's clock and take "170" or true for one, so `_time`
            # checks them. The subject and the id of a token (sub, jti) change nothing here. A token made for
            # another service (aud) stays refused.
            options={
                "require": ["exp"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "verify_sub": False,
                "verify_jti": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise WrongToken("the token is not valid") from error
    return claims


def _time(claims: dict[str, Any], claim: str) -> int | None:
    """A NumericDate in milliseconds, rounded down; `None` if the claim is absent."""
    if claim not in claims:
        return None
    value = claims[claim]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise Unauthorized(f"the token is not valid: {claim} must be a number of seconds since 1970")
    return math.floor(value * 1000)


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise Unauthorized("the token is not valid: scope must be a string of words separated by spaces")
    return SCOPES.intersection(scope.split(" "))


def _name(claims: dict[str, Any]) -> str | None:
    """The holder's name; a claim that is no text says nothing, and is no reason to refuse a token."""
    for claim in ("name", "sub"):
        if isinstance(claims.get(claim), str) and claims[claim].strip():
            return str(claims[claim])
    return None


def _projects(claims: dict[str, Any]) -> frozenset[str] | None:
    if "projects" not in claims:
        return None
    projects = claims["projects"]
    if not isinstance(projects, list) or not all(
        isinstance(one, str) and ID.fullmatch(one) for one in projects
    ):
        raise Unauthorized("the token is not valid: projects must be a list of project ids")
    return frozenset(projects)


def issue_token(
    settings: Settings, scopes: Collection[str], projects: Collection[str], lifetime_seconds: int, now: int
) -> str:
    """A JWT signed with `CHEF_JWT_SECRET`, valid from `now` (milliseconds) on.

    `projects` empty: all. Raises `TokenError` with a sentence for people if it cannot be made.
    """
    if settings.jwt_public_key is not None:
        raise TokenError(
            "CHEF_JWT_PUBLIC_KEY only checks tokens: sign them with its private key, which Chef never has"
        )
    if settings.jwt_secret is None:
        raise TokenError("CHEF_JWT_SECRET is not set: without it there is nothing to sign a token with")
    if not scopes or not SCOPES.issuperset(scopes):
        raise TokenError("scope must be read, write or both")
    if not all(ID.fullmatch(project) for project in projects):
        raise TokenError(f"project {ID_RULE}")
    if lifetime_seconds < 1:
        raise TokenError("the lifetime must be at least one second")
    import jwt

    issued_at = now // 1000
    claims: dict[str, Any] = {
        "iat": issued_at,
        "exp": issued_at + lifetime_seconds,
        "scope": " ".join(sorted(set(scopes))),
    }
    if projects:
        claims["projects"] = sorted(set(projects))
    token = jwt.encode(claims, settings.jwt_secret, algorithm="HS256")
    if len(token) > TOKEN_MAX_BYTES:
        raise TokenError("too many projects for one token, which has at most 8 KiB: leave them out for all")
    return token

"""The rights of callers (contract section 6). Pure: the edges fill `Credentials`, nothing here knows Flask.

The rules, in the order in which they decide:

- Of several credentials the first one counts: the handshake's token, then the `Authorization` header,
  then (for reading only, and never from a foreign origin) the cookie. A wrong one is refused even if a
  later one would do.
- Where nothing is configured there is nothing to check against: tokens are ignored, anyone reads, and
  the loopback rule decides whether a caller writes.
- Where only `CHEF_API_TOKEN` or `CHEF_PROJECT_TOKENS` is set and reading is public, a token is not looked
  at for reading: a viewer's page need not know whether its token is any good. Where a JWT key is set, a
  token that is sent must be valid even if reading is public, so that an expired one is noticed.
- A share link that is presented counts wherever it is presented, also where reading is public or nothing is
  configured: whoever comes with it sees what it shows and no more, and only where that is served to links.
- The cookie is not looked at while reading is public: a browser sends it unasked, and a stale one must
  not lock anybody out.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chef.access.addresses import is_own_origin
from chef.access.guesses import GuessLimit
from chef.access.jwts import READ, SCOPES, WRITE, read_jwt
from chef.access.levels import Level, shows
from chef.access.shares import PREFIX, Share
from chef.domain.clock import Clock
from chef.domain.model import ID, ID_RULE
from chef.errors import Forbidden, MissingToken, Unauthorized, WrongToken
from chef.http.addresses import client_network
from chef.settings.checks import is_loopback_address, is_loopback_origin
from chef.settings.config import SHORT_TOKEN_CHARS, Settings

TOKEN_MAX_BYTES = 8192
_TOKEN = re.compile(r"[!-~]+")


class TokenError(ValueError):
    """A token cannot be issued; the text is one sentence for people."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The rights of a caller. `projects` `None` means all, `expires_at` is in milliseconds, `None`: never.

    `key` tells tokens apart without being one: Python's hash, which is another one in each process. Where it
    `lasts`, whoever sends the same head again on the same connection has the same rights. `name` is of a
    signed token's holder, if it says one; `is_local` tells a caller that needs no token on this machine.
    """

    scopes: frozenset[str]
    projects: frozenset[str] | None = None
    expires_at: int | None = None
    key: int = field(default=0, compare=False, repr=False)
    lasts: bool = field(default=False, compare=False, repr=False)
    is_local: bool = field(default=False, compare=False, repr=False)
    name: str | None = field(default=None, compare=False)
    share: Share | None = None

    @property
    def level(self) -> Level:
        """How much of what it may see is shown to the caller; all, unless a share link says less."""
        return "log" if self.share is None else self.share.level

    @property
    def of_one_job(self) -> bool:
        """Whether it is a link to one job, which leads to no other."""
        return self.share is not None and self.share.kind == "job"

    def covers(self, project_id: str) -> bool:
        """Whether the project is one of the caller's, whatever the scopes."""
        return self.projects is None or project_id in self.projects

    def may_read(self, project_id: str) -> bool:
        return READ in self.scopes and self.covers(project_id)

    def may_see(self, project_id: str | None, job_id: str | None = None) -> bool:
        """Whether a job of a project may be shown; `None` is that of a job that does not exist.

        A token that is limited to projects may not learn whether a job of another one exists. A link to one
        job shows that job alone; without a `job_id` nobody says which one it is.
        """
        if self.share is not None and self.share.kind == "job":
            return (project_id, job_id) == (self.share.project_id, self.share.name)
        return self.projects is None or (project_id is not None and self.may_read(project_id))

    def check_may_read(self, project_id: str) -> None:
        """Raise Forbidden for a project that may not be read."""
        if not self.may_read(project_id):
            raise Forbidden("this token is not for this project")

    def check_may_see(self, project_id: str | None, job_id: str | None = None) -> None:
        """Raise Forbidden for a job that may not be shown (see `may_see`)."""
        if not self.may_see(project_id, job_id):
            raise Forbidden("this token is not for this job's project")

    def check_level(self, least: Level | None) -> None:
        """Raise Forbidden for a link that shows less than `least`, or for any link where that is `None`."""
        if self.share is not None and (least is None or not shows(self.share.level, least)):
            raise Forbidden("this share link does not show this")

    def may_write(self, project_id: str) -> bool:
        return WRITE in self.scopes and self.covers(project_id)

    def expired(self, now: int) -> bool:
        """Whether a long-lived connection has outlived its token; `now` in milliseconds."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Credentials:
    """The part of a request that tells the caller.

    `authorization` is the header, `token` the Socket.IO handshake's `auth.token` as the client sent
    it (any JSON), `cookie` what `/login` set. `remote_addr` is the socket's peer, `address` the client's
    as it is counted, `proxied` whether a proxy left its mark, `origin` the Origin header, `foreign_origin`
    whether that is another place than this server. The defaults are a request that may do nothing.
    """

    authorization: str | None = field(default=None, repr=False)
    token: object = field(default=None, repr=False)
    cookie: str | None = field(default=None, repr=False)
    remote_addr: str = ""
    address: str = ""
    proxied: bool = False
    foreign_origin: bool = False
    origin: str | None = None

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, Any], *, token: object = None, cookie: str | None = None
    ) -> Credentials:
        """The credentials of a WSGI request. The edge knows the names by which token and cookie are found."""
        origin = environ.get("HTTP_ORIGIN")
        return cls(
            authorization=environ.get("HTTP_AUTHORIZATION"),
            token=token,
            cookie=cookie,
            remote_addr=environ.get("REMOTE_ADDR") or "",
            address=client_network(environ),
            proxied=is_proxied(environ),
            foreign_origin=origin is not None and not is_own_origin(environ),
            origin=origin,
        )


def is_proxied(environ: Mapping[str, Any]) -> bool:
    """Whether a WSGI request came through a proxy that says so, even with an empty header."""
    if "HTTP_FORWARDED" in environ or "HTTP_VIA" in environ:
        return True
    # One search in all names is ten times as fast as a look at each.
    return "\nHTTP_X_FORWARDED_" in "\n".join(("", *environ))


class Gate:
    """Decides which callers may write and which may read, for one set of settings.

    `clock` gives milliseconds; times in tokens are compared without leeway. `refused` is told the name of a
    limit that is met. `find_share` finds the share of a token, or raises Unauthorized.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        refused: Callable[[str], None] = lambda limit: None,
        find_share: Callable[[str], Share] | None = None,
    ) -> None:
        self._clock = clock
        self._find_share = find_share
        self._guesses = GuessLimit(settings.rate_failures, refused)
        self._public_read = bool(settings.public_read)
        self._tokens = _write_tokens(settings)
        self._keys = settings.verifying_keys

    @property
    def reading_is_public(self) -> bool:
        """Whether anyone may read, so that no page needs to offer `/login`."""
        return self._public_read

    def writer(self, credentials: Credentials) -> Principal:
        """The caller, who may write.

        Raises `Unauthorized`, `TooManyRequests` after too many wrong tokens, or `Forbidden` if the token may
        not.
        """
        return self._counting_guesses(self._writer, credentials)

    def _writer(self, credentials: Credentials) -> Principal:
        if self._by_share(credentials) is not None:
            raise Forbidden("a share link only lets read")
        token = _presented(credentials) if self._checks_tokens else None
        if token is None:
            return self._local_writer(credentials)
        principal = self._holder(token, credentials.address)
        if WRITE not in principal.scopes:
            raise Forbidden("the token may not write: its scope lacks the word write")
        return principal

    def reader(self, credentials: Credentials, least: Level | None = None) -> Principal:
        """The caller, who may read; the answer never lets anyone write.

        Share links are taken from the level `least` on, and none where that is `None`: an edge that serves
        them shows no more than the principal's level.

        Raises `Unauthorized`, `TooManyRequests` after too many wrong tokens, or `Forbidden` if the token is
        valid and may not read.
        """
        principal = self._counting_guesses(self._reader, credentials)
        principal.check_level(least)
        return principal

    def _reader(self, credentials: Credentials) -> Principal:
        by_share = self._by_share(credentials)
        if by_share is not None:
            return by_share
        if self._public_read:
            return self._public_reader(credentials)
        token = _token_of(credentials)
        if token is None:
            raise MissingToken("reading needs a token: Authorization: Bearer TOKEN")
        principal = self._holder(token, credentials.address)
        if READ not in principal.scopes:
            raise Forbidden("the token may not read: its scope lacks the word read")
        return replace(principal, scopes=frozenset({READ}))

    def knows(self, credentials: Credentials) -> bool:
        """Whether a valid token comes along, also where none is needed; what it may do does not matter."""
        try:
            token = _token_of(credentials) if self._checks_tokens else None
            return token is not None and self._find(token) is not None
        except Unauthorized:
            return False

    def _counting_guesses(
        self, decide: Callable[[Credentials], Principal], credentials: Credentials
    ) -> Principal:
        try:
            return decide(credentials)
        except WrongToken:
            self._guesses.wrong(credentials.address)
            raise

    @property
    def _checks_tokens(self) -> bool:
        return bool(self._tokens or self._keys)

    def _by_share(self, credentials: Credentials) -> Principal | None:
        """The rights of a share link, where one is presented."""
        token = _presented_share(credentials)
        if token is None or self._find_share is None or self._known(token) is not None:
            return None
        share = self._find_share(token)
        # A link to a job covers no project: what does not ask for the job itself shows nothing.
        projects = frozenset({share.name} if share.kind == "project" else ())
        return Principal(frozenset({READ}), projects, share.expires_at, hash(token), share=share)

    def _public_reader(self, credentials: Credentials) -> Principal:
        everyone = Principal(frozenset({READ}))
        token = _presented(credentials) if self._keys else None
        if token is None:
            return everyone
        return replace(everyone, expires_at=self._holder(token, credentials.address).expires_at)

    def _local_writer(self, credentials: Credentials) -> Principal:
        """The loopback rule, for a request without a token.

        Requests of web pages count only where the page itself has a name of this machine: else any
        site that a developer visits could post here, directly or by a name that resolves to 127.0.0.1.
        """
        if self._tokens:
            raise MissingToken("writing needs a token: Authorization: Bearer TOKEN")
        rule = "without CHEF_API_TOKEN writes are taken from this machine only"
        if not is_loopback_address(credentials.remote_addr):
            raise Unauthorized(f"{rule}: set it on the server and send Authorization: Bearer TOKEN")
        if credentials.proxied:
            raise Unauthorized(f"{rule}, and this request came through a proxy")
        page = credentials.origin
        if credentials.foreign_origin or (page is not None and not is_loopback_origin(page)):
            raise Unauthorized(f"{rule}, and this request was made by a web page from elsewhere")
        return Principal(SCOPES, lasts=True, is_local=True)

    def _holder(self, token: str, address: str) -> Principal:
        """The principal of a token that is right, whatever it may do, if it is taken from that address."""
        principal = self._find(token)
        self._guesses.right(token, address)
        return principal

    def _find(self, token: str) -> Principal:
        """The principal of a token that is right."""
        known = self._known(token)
        if known is not None:
            return known
        if not self._keys:
            raise WrongToken("the token is not known here")
        rights = read_jwt(token, self._keys, self._clock())
        return Principal(*rights[:3], key=hash(token), name=rights.name)

    def _known(self, token: str) -> Principal | None:
        """The principal of a token of the settings."""
        # All are compared, so that the time taken tells nothing about which one came close.
        given = token.encode()
        return next(iter([rights for one, rights in self._tokens if hmac.compare_digest(given, one)]), None)


def _write_tokens(settings: Settings) -> tuple[tuple[bytes, Principal], ...]:
    """The tokens that are no JWTs, and their rights: who may write a project may read it, too."""
    projects: dict[str, set[str]] = {}
    for project, token in settings.project_tokens:
        projects.setdefault(token, set()).add(project)
    rights: dict[str, set[str] | None] = {**dict.fromkeys(settings.api_tokens), **projects}
    return tuple(
        (token.encode(), _principal_of(token, None if own is None else frozenset(own)))
        for token, own in rights.items()
    )


def _principal_of(token: str, projects: frozenset[str] | None) -> Principal:
    # A short token is looked at each time, since its address may be blocked meanwhile.
    return Principal(SCOPES, projects, key=hash(token), lasts=len(token) >= SHORT_TOKEN_CHARS)


def _token_of(credentials: Credentials) -> str | None:
    """The token that was sent on purpose, else the cookie's, which never counts from a foreign origin."""
    token = _presented(credentials)
    if token is None and credentials.cookie and not credentials.foreign_origin:
        return _sound(credentials.cookie)
    return token


def _presented(credentials: Credentials) -> str | None:
    """The token that was sent on purpose; an empty handshake token is none, as clients send `''` for that."""
    if credentials.token not in (None, ""):
        return _sound(credentials.token)
    if credentials.authorization is None:
        return None
    if len(credentials.authorization) > TOKEN_MAX_BYTES + len("Bearer "):
        raise WrongToken("the Authorization header is too long: a token has at most 8 KiB")
    scheme, _, token = credentials.authorization.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise WrongToken("the Authorization header must be: Bearer TOKEN")
    return _sound(token.strip())


def _presented_share(credentials: Credentials) -> str | None:
    """What was sent on purpose, if it has the form of a share link's token."""
    token = credentials.token
    if token in (None, ""):
        token = (credentials.authorization or "").strip()
        if token[:7].lower() != "bearer ":
            return None
        token = token[7:].strip()
    return _sound(token) if isinstance(token, str) and token.startswith(PREFIX) else None


def _sound(token: object) -> str:
    if not isinstance(token, str) or len(token) > TOKEN_MAX_BYTES or not _TOKEN.fullmatch(token):
        raise WrongToken("a token is printable ASCII without spaces, at most 8 KiB")
    return token


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

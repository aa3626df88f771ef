"""The decision whether a caller may write or read (contract section 6). Pure: the edges fill `Credentials`.

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
from collections.abc import Callable
from dataclasses import replace

from chef.access.credentials import Credentials, presented_share, presented_token, token_of
from chef.access.guesses import GuessLimit
from chef.access.jwts import READ, SCOPES, WRITE, read_jwt
from chef.access.levels import Level
from chef.access.principals import Principal
from chef.access.shares import Share
from chef.domain.clock import Clock
from chef.errors import Forbidden, MissingToken, Unauthorized, WrongToken
from chef.settings.checks import is_loopback_address, is_loopback_origin
from chef.settings.config import SHORT_TOKEN_CHARS, Settings


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
        token = presented_token(credentials) if self._checks_tokens else None
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
        token = token_of(credentials)
        if token is None:
            raise MissingToken("reading needs a token: Authorization: Bearer TOKEN")
        principal = self._holder(token, credentials.address)
        if READ not in principal.scopes:
            raise Forbidden("the token may not read: its scope lacks the word read")
        return replace(principal, scopes=frozenset({READ}))

    def knows(self, credentials: Credentials) -> bool:
        """Whether a valid token comes along, also where none is needed; what it may do does not matter."""
        try:
            token = token_of(credentials) if self._checks_tokens else None
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
        token = presented_share(credentials)
        if token is None or self._find_share is None or self._known(token) is not None:
            return None
        share = self._find_share(token)
        # A link to a job covers no project: what does not ask for the job itself shows nothing.
        projects = frozenset({share.name} if share.kind == "project" else ())
        return Principal(frozenset({READ}), projects, share.expires_at, hash(token), share=share)

    def _public_reader(self, credentials: Credentials) -> Principal:
        everyone = Principal(frozenset({READ}))
        token = presented_token(credentials) if self._keys else None
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

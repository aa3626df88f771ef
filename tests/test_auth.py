"""The rights of callers: contract section 6 and the rule of CHEF_API_TOKEN in section 1."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from chef.access.auth import Gate
from chef.access.credentials import Credentials
from chef.access.jwts import TokenError, issue_token
from chef.access.principals import Principal
from chef.errors import Forbidden, Unauthorized
from chef.settings.config import Settings

NOW = 1_800_000_000_000
SECONDS = NOW // 1000
SECRET = "a secret of at least 32 bytes, honestly"
API = "an-api-token-long-enough"
OTHER_API = "another-api-token-long-enough"
EVERYTHING = Principal(frozenset({"read", "write"}))
READS_ALL = Principal(frozenset({"read"}))
LOCAL = Credentials(remote_addr="127.0.0.1")
REMOTE = Credentials(remote_addr="203.0.113.9")
KEYS: dict[str, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}

NOTHING_SET = Settings()
API_ONLY = Settings(api_tokens=(API, OTHER_API))
JWT_ONLY = Settings(jwt_secret=SECRET)
BOTH = Settings(api_tokens=(API,), jwt_secret=SECRET)
JWT_PUBLIC = Settings(jwt_secret=SECRET, public_read=True)


def gate(settings: Settings, now: int = NOW) -> Gate:
    return Gate(settings, lambda: now)


def bearer(header_token: str, **changes: Any) -> Credentials:
    return dataclasses.replace(REMOTE, authorization=f"Bearer {header_token}", **changes)


def token(key: Any = SECRET, algorithm: str = "HS256", /, **claims: Any) -> str:
    """A JWT valid for a minute; a claim given as `...` is left out."""
    payload = {"exp": SECONDS + 60, "scope": "read write"} | claims
    return jwt.encode({k: v for k, v in payload.items() if v is not ...}, key, algorithm=algorithm)


def pem(algorithm: str) -> str:
    return KEYS[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def refused(settings: Settings, credentials: Credentials) -> str:
    """Both doors are closed to these credentials; the writer's reason."""
    with pytest.raises(Unauthorized):
        gate(settings).reader(credentials)
    with pytest.raises(Unauthorized) as caught:
        gate(settings).writer(credentials)
    return caught.value.detail


# Principals


def test_a_principal_may_do_what_its_scopes_say_in_its_projects() -> None:
    principal = Principal(frozenset({"read"}), frozenset({"web"}), NOW)
    assert principal.may_read("web")
    assert not principal.may_read("api")
    assert not principal.may_write("web")
    assert Principal(frozenset({"write"})).may_write("anything")
    assert not Principal(frozenset({"write"})).may_read("anything")
    assert not Principal(frozenset({"read", "write"}), frozenset()).may_write("web")


def test_a_principal_expires_at_its_moment_and_without_one_never() -> None:
    principal = Principal(frozenset(), None, NOW)
    assert not principal.expired(NOW - 1)
    assert principal.expired(NOW)
    assert not Principal(frozenset()).expired(NOW)


# Write tokens and the loopback rule


@pytest.mark.parametrize("known", [API, OTHER_API])
@pytest.mark.parametrize("settings", [API_ONLY, Settings(api_tokens=(API, OTHER_API), jwt_secret=SECRET)])
def test_each_api_token_may_write_and_read_everything_from_anywhere(settings: Settings, known: str) -> None:
    credentials = bearer(known, proxied=True, foreign_origin=True, origin="https://elsewhere.example")
    assert gate(settings).writer(credentials) == EVERYTHING
    assert gate(settings).reader(credentials) == READS_ALL


@pytest.mark.parametrize("wrong", [API[:-1], API + "x", API.upper(), f"{API},{OTHER_API}", "*"])
def test_with_api_tokens_no_other_token_may_write(wrong: str) -> None:
    with pytest.raises(Unauthorized, match="not known"):
        gate(API_ONLY).writer(bearer(wrong))


def test_with_api_tokens_even_this_machine_needs_one() -> None:
    with pytest.raises(Unauthorized, match="writing needs a token"):
        gate(API_ONLY).writer(LOCAL)


def test_all_api_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    genuine = hmac.compare_digest

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return genuine(a, b)

    monkeypatch.setattr("chef.access.auth.hmac.compare_digest", compare)
    gate(API_ONLY).writer(bearer(API))
    assert compared == [(API.encode(), API.encode()), (API.encode(), OTHER_API.encode())]


def test_a_token_of_projects_has_their_rights_and_no_others() -> None:
    settings = Settings(
        api_tokens=(API,), project_tokens=(("web", "for-both"), ("docs", "for-both"), ("web", "w"))
    )
    rights = {one: gate(settings).writer(bearer(one)).projects for one in ("for-both", "w", API)}
    assert rights == {"for-both": {"web", "docs"}, "w": {"web"}, API: None}
    with pytest.raises(Unauthorized, match="not known"):
        gate(settings).writer(bearer("web=w"))


def test_with_tokens_of_projects_alone_even_this_machine_needs_one() -> None:
    with pytest.raises(Unauthorized, match="writing needs a token"):
        gate(Settings(project_tokens=(("web", "w"),))).writer(LOCAL)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "::ffff:127.9.9.9"])
@pytest.mark.parametrize("settings", [NOTHING_SET, JWT_ONLY])
def test_without_api_tokens_this_machine_writes_without_a_token(settings: Settings, address: str) -> None:
    assert gate(settings).writer(Credentials(remote_addr=address)) == EVERYTHING


@pytest.mark.parametrize(
    "address",
    [
        "203.0.113.9",
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "fe80::1",
        "0.0.0.0",
        "::",
        "localhost",
        "",
        "127.0.0.1:80",
        "127.1",
    ],
)
@pytest.mark.parametrize("settings", [NOTHING_SET, JWT_ONLY])
def test_without_api_tokens_no_other_address_writes_without_one(settings: Settings, address: str) -> None:
    with pytest.raises(Unauthorized, match="from this machine only"):
        gate(settings).writer(Credentials(remote_addr=address))


def test_a_proxied_request_is_never_this_machines() -> None:
    with pytest.raises(Unauthorized, match="came through a proxy"):
        gate(NOTHING_SET).writer(dataclasses.replace(LOCAL, proxied=True))


@pytest.mark.parametrize(
    "origin", ["http://localhost:3001", "http://127.0.0.1:3001", "http://[::1]:3001", "http://chef.localhost"]
)
def test_a_page_of_this_machine_may_write_here(origin: str) -> None:
    assert gate(NOTHING_SET).writer(dataclasses.replace(LOCAL, origin=origin)) == EVERYTHING


@pytest.mark.parametrize(
    "credentials",
    [
        dataclasses.replace(LOCAL, foreign_origin=True, origin="http://localhost:5173"),
        dataclasses.replace(LOCAL, foreign_origin=True),
        # DNS rebinding: the site's own name now leads to 127.0.0.1, so the browser finds it the same origin.
        dataclasses.replace(LOCAL, origin="http://rebound.example:3001"),
        dataclasses.replace(LOCAL, origin="http://127.0.0.1.rebound.example:3001"),
        dataclasses.replace(LOCAL, origin="null"),
    ],
)
def test_a_page_from_elsewhere_cannot_write_to_a_developers_machine(credentials: Credentials) -> None:
    with pytest.raises(Unauthorized, match="a web page from elsewhere"):
        gate(NOTHING_SET).writer(credentials)


@pytest.mark.parametrize(
    "authorization", ["Bearer something", "Basic dTpw", "nonsense", "", "Bearer " + "x" * 9000]
)
def test_where_nothing_is_configured_an_authorization_header_is_ignored(authorization: str) -> None:
    assert gate(NOTHING_SET).writer(dataclasses.replace(LOCAL, authorization=authorization)) == EVERYTHING
    assert gate(NOTHING_SET).reader(dataclasses.replace(REMOTE, authorization=authorization)) == READS_ALL
    with pytest.raises(Unauthorized, match="from this machine only"):
        gate(NOTHING_SET).writer(dataclasses.replace(REMOTE, authorization=authorization))


def test_a_wrong_token_is_refused_on_this_machine_too() -> None:
    with pytest.raises(Unauthorized):
        gate(JWT_ONLY).writer(dataclasses.replace(LOCAL, authorization="Bearer wrong"))


# Where the token stands


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_written_in_any_case(scheme: str) -> None:
    assert gate(BOTH).writer(dataclasses.replace(REMOTE, authorization=f" {scheme}  {API} ")) == EVERYTHING


@pytest.mark.parametrize(
    "header",
    [
        API,
        f"Basic {API}",
        "Bearer",
        "Bearer ",
        "",
        " ",
        f"Bearer {API} x",
        f"Bearer {API},Bearer {API}",
        f"Bearer\t{API}",
        "Bearer é",
        f"Bearer {API}\x00",
    ],
)
def test_a_malformed_header_is_refused(header: str) -> None:
    assert refused(BOTH, dataclasses.replace(REMOTE, authorization=header))


def test_the_handshakes_token_counts_like_the_header_and_before_it() -> None:
    assert gate(BOTH).reader(dataclasses.replace(REMOTE, token=API)) == READS_ALL
    assert gate(BOTH).writer(bearer("wrong", token=API)) == EVERYTHING
    assert refused(BOTH, bearer(API, token="wrong"))


def test_an_empty_handshake_token_is_none() -> None:
    assert gate(BOTH).reader(bearer(API, token="")) == READS_ALL
    assert gate(NOTHING_SET).reader(dataclasses.replace(REMOTE, token="")) == READS_ALL


@pytest.mark.parametrize("odd", [0, 7, True, [API], {"token": API}, "a b", "\ud800", "é", "x" * 8193])
def test_a_handshake_token_that_cannot_be_one_is_refused(odd: object) -> None:
    assert refused(BOTH, dataclasses.replace(REMOTE, token=odd))


def test_the_cookie_opens_reading_and_never_writing() -> None:
    credentials = dataclasses.replace(REMOTE, cookie=token())
    assert gate(JWT_ONLY).reader(credentials) == dataclasses.replace(READS_ALL, expires_at=NOW + 60_000)
    with pytest.raises(Unauthorized):
        gate(JWT_ONLY).writer(credentials)
    assert gate(BOTH).reader(dataclasses.replace(REMOTE, cookie=API)) == READS_ALL


def test_the_cookie_does_not_count_from_a_foreign_origin() -> None:
    with pytest.raises(Unauthorized, match="reading needs a token"):
        gate(JWT_ONLY).reader(dataclasses.replace(REMOTE, cookie=token(), foreign_origin=True))


def test_a_token_counts_before_the_cookie() -> None:
    assert gate(BOTH).reader(bearer(API, cookie="stale")) == READS_ALL
    with pytest.raises(Unauthorized):
        gate(BOTH).reader(bearer("wrong", cookie=API))


def test_a_stale_cookie_is_refused_where_reading_is_protected_and_ignored_where_it_is_not() -> None:
    stale = dataclasses.replace(REMOTE, cookie=token(exp=SECONDS - 1))
    with pytest.raises(Unauthorized, match="expired"):
        gate(JWT_ONLY).reader(stale)
    assert gate(JWT_PUBLIC).reader(stale) == READS_ALL
    with pytest.raises(Unauthorized, match="reading needs a token"):
        gate(JWT_ONLY).reader(dataclasses.replace(REMOTE, cookie=""))


# JWT


def test_a_valid_jwt_carries_scopes_projects_and_its_end() -> None:
    principal = gate(JWT_ONLY).writer(bearer(token(projects=["web", "api"])))
    assert principal == Principal(
        frozenset({"read", "write"}), frozenset({"web", "api"}), (SECONDS + 60) * 1000
    )


def test_a_reader_never_gets_to_write() -> None:
    principal = gate(JWT_ONLY).reader(bearer(token(scope="read write", projects=["web"])))
    assert principal.may_read("web")
    assert not principal.may_write("web")
    assert not principal.may_read("api")


@pytest.mark.parametrize(
    ("scope", "reads", "writes"),
    [
        ("read", True, False),
        ("write", False, True),
        ("read write", True, True),
        ("write read", True, True),
        ("openid read profile", True, False),
        ("", False, False),
        (..., False, False),
        ("READ", False, False),
        ("read,write", False, False),
        ("readwrite", False, False),
    ],
)
def test_the_scope_decides_and_a_missing_right_is_forbidden(scope: Any, reads: bool, writes: bool) -> None:
    credentials = bearer(token(scope=scope))
    if reads:
        assert gate(JWT_ONLY).reader(credentials).may_read("web")
    else:
        with pytest.raises(Forbidden, match="lacks the word read"):
            gate(JWT_ONLY).reader(credentials)
    if writes:
        assert gate(JWT_ONLY).writer(credentials).may_write("web")
    else:
        with pytest.raises(Forbidden, match="lacks the word write"):
            gate(JWT_ONLY).writer(credentials)


@pytest.mark.parametrize("scope", [None, ["read"], 1, {"read": True}])
def test_a_scope_that_is_no_string_makes_the_token_invalid(scope: Any) -> None:
    assert "scope must be a string" in refused(JWT_ONLY, bearer(token(scope=scope)))


@pytest.mark.parametrize(
    "projects", [None, "web", {"web": 1}, [1], ["web", None], ["a/b"], [""], ["x" * 129], ["web\n"]]
)
def test_projects_that_are_no_list_of_ids_make_the_token_invalid(projects: Any) -> None:
    assert "projects must be a list of project ids" in refused(JWT_ONLY, bearer(token(projects=projects)))


def test_an_empty_list_of_projects_means_none_of_them() -> None:
    principal = gate(JWT_ONLY).reader(bearer(token(projects=[])))
    assert principal.projects == frozenset()
    assert not principal.may_read("web")


def test_a_token_is_valid_until_the_very_moment_of_its_end() -> None:
    credentials = bearer(token(exp=SECONDS))
    assert gate(JWT_ONLY, NOW - 1).writer(credentials).expires_at == NOW
    with pytest.raises(Unauthorized, match="expired"):
        gate(JWT_ONLY, NOW).writer(credentials)


@pytest.mark.parametrize("exp", [..., None, True, "1900000000", [], -1, 2**53 + 1, 10**400])
def test_a_token_without_a_proper_end_is_refused(exp: Any) -> None:
    assert "not valid" in refused(JWT_ONLY, bearer(token(exp=exp)))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_an_end_that_is_no_real_number_is_refused(number: str) -> None:
    payload = f'{{"exp": {number}, "scope": "read write"}}'
    assert "not valid" in refused(JWT_ONLY, bearer(signed(payload)))


def test_an_end_between_two_seconds_counts_to_the_millisecond() -> None:
    principal = gate(JWT_ONLY).writer(bearer(token(exp=SECONDS + 0.25)))
    assert principal.expires_at == NOW + 250


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_from_the_future_is_refused_until_then(claim: str) -> None:
    credentials = bearer(token(**{claim: SECONDS + 1}))
    assert refused(JWT_ONLY, credentials) == f"the token is not valid yet ({claim})"
    assert gate(JWT_ONLY, NOW + 1000).writer(credentials).may_write("web")
    for odd in ("1", None, True):
        assert claim in refused(JWT_ONLY, bearer(token(**{claim: odd})))


def test_a_token_for_another_service_is_refused_and_its_subject_is_not_looked_at() -> None:
    assert refused(JWT_ONLY, bearer(token(aud="another-service")))
    assert gate(JWT_ONLY).writer(bearer(token(sub=42, jti=7, iss="anyone"))).may_write("web")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(payload: str, header: dict[str, Any] | None = None, secret: str = SECRET) -> str:
    """A token with a right HS256 signature over whatever header and payload."""
    head = json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode()
    text = f"{b64(head)}.{b64(payload.encode())}"
    return f"{text}.{b64(hmac.digest(secret.encode(), text.encode(), hashlib.sha256))}"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": ""},
        {"alg": None},
        {"alg": ["HS256"]},
        {"typ": "JWT"},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
    ],
)
def test_a_header_that_asks_for_less_is_refused(header: dict[str, Any]) -> None:
    payload = json.dumps({"exp": SECONDS + 60, "scope": "read write"})
    assert gate(JWT_ONLY).writer(bearer(signed(payload))).may_write("web")
    assert refused(JWT_ONLY, bearer(signed(payload, header)))


def test_an_unsigned_token_is_refused() -> None:
    assert refused(JWT_ONLY, bearer(token(None, "none")))
    assert refused(JWT_ONLY, bearer(token().rpartition(".")[0] + "."))


def test_another_secret_or_another_algorithm_of_its_family_is_refused() -> None:
    assert refused(JWT_ONLY, bearer(token("another secret of at least 32 bytes....")))
    long_secret = SECRET * 2
    settings = Settings(jwt_secret=long_secret)
    assert gate(settings).writer(bearer(token(long_secret))).may_write("web")
    assert refused(settings, bearer(token(long_secret, "HS384")))
    assert refused(settings, bearer(token(long_secret, "HS512")))


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_public_key_takes_its_own_algorithm_alone(algorithm: str) -> None:
    settings = Settings(jwt_public_key=pem(algorithm))
    assert gate(settings).writer(bearer(token(KEYS[algorithm], algorithm))).may_write("web")
    for other, key in KEYS.items():
        if other != algorithm:
            assert refused(settings, bearer(token(key, other)))
    if algorithm == "RS256":
        assert refused(settings, bearer(token(KEYS["RS256"], "PS256")))
        assert refused(settings, bearer(token(KEYS["RS256"], "RS512")))


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(algorithm: str) -> None:
    public = pem(algorithm)
    payload = json.dumps({"exp": SECONDS + 60, "scope": "read write"})
    forged = signed(payload, secret=public)
    assert refused(Settings(jwt_public_key=public), bearer(forged))


def test_a_huge_token_is_refused_before_it_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = token(padding="x" * 8192)
    monkeypatch.setattr("jwt.decode", lambda *_a, **_k: pytest.fail("verified"))
    assert "8 KiB" in refused(JWT_ONLY, bearer(huge))
    assert "8 KiB" in refused(JWT_ONLY, dataclasses.replace(REMOTE, token=huge))
    with pytest.raises(Unauthorized, match="8 KiB"):
        gate(JWT_ONLY).reader(dataclasses.replace(REMOTE, cookie=huge))


def test_a_payload_that_is_no_object_is_refused() -> None:
    for payload in ("[]", '"text"', "null", "{", "[" * 3000, '{"exp": ' + "9" * 5000 + "}"):
        assert refused(JWT_ONLY, bearer(signed(payload)))


@given(st.text())
def test_no_text_whatsoever_is_a_token_or_breaks_the_gate(text: str) -> None:
    if text:
        assert refused(BOTH, dataclasses.replace(REMOTE, token=text))
    assert refused(BOTH, dataclasses.replace(REMOTE, authorization=f"Bearer {text}"))


@given(
    st.dictionaries(
        st.sampled_from(["exp", "nbf", "iat", "scope", "projects", "aud"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4
        ),
    )
)
def test_no_signed_claims_whatsoever_break_the_gate(claims: dict[str, Any]) -> None:
    credentials = bearer(signed(json.dumps(claims)))
    for door in (gate(JWT_ONLY).reader, gate(JWT_ONLY).writer):
        try:
            principal = door(credentials)
        except (Unauthorized, Forbidden):
            continue
        assert principal.expires_at is not None
        assert principal.expires_at > NOW


# Reading


@pytest.mark.parametrize("settings", [NOTHING_SET, API_ONLY, JWT_PUBLIC])
def test_public_reading_needs_nothing(settings: Settings) -> None:
    assert gate(settings).reading_is_public
    for credentials in (REMOTE, LOCAL, dataclasses.replace(REMOTE, foreign_origin=True, proxied=True)):
        assert gate(settings).reader(credentials) == READS_ALL


def test_protected_reading_needs_a_token_on_this_machine_too() -> None:
    assert not gate(JWT_ONLY).reading_is_public
    for credentials in (REMOTE, LOCAL):
        with pytest.raises(Unauthorized, match="reading needs a token"):
            gate(JWT_ONLY).reader(credentials)


def test_where_only_api_tokens_are_set_public_reading_ignores_a_token() -> None:
    assert gate(API_ONLY).reader(bearer("of-another-service")) == READS_ALL
    assert gate(API_ONLY).reader(dataclasses.replace(REMOTE, token="of-another-service")) == READS_ALL


def test_where_a_jwt_key_is_set_a_wrong_token_is_refused_although_reading_is_public() -> None:
    for wrong in (bearer("wrong"), bearer(token(exp=SECONDS)), dataclasses.replace(REMOTE, token="wrong")):
        with pytest.raises(Unauthorized):
            gate(JWT_PUBLIC).reader(wrong)


def test_public_reading_is_wider_than_any_tokens_projects_or_scope() -> None:
    for claims in ({"projects": ["web"]}, {"scope": "write"}, {"scope": ...}):
        principal = gate(JWT_PUBLIC).reader(bearer(token(**claims)))
        assert principal.may_read("api")
        assert not principal.may_write("web")
        assert principal.expires_at == NOW + 60_000


def test_without_a_jwt_key_protected_reading_takes_api_tokens_alone() -> None:
    settings = dataclasses.replace(API_ONLY, public_read=False)
    assert gate(settings).reader(bearer(API)) == READS_ALL
    for credentials in (LOCAL, bearer("wrong"), bearer(token())):
        with pytest.raises(Unauthorized):
            gate(settings).reader(credentials)


def test_a_server_that_nobody_can_read_refuses_everyone() -> None:
    settings = Settings(public_read=False)
    for credentials in (LOCAL, bearer("any"), dataclasses.replace(LOCAL, cookie="any")):
        with pytest.raises(Unauthorized):
            gate(settings).reader(credentials)


def test_credentials_and_errors_show_no_token() -> None:
    credentials = Credentials(authorization="Bearer hunter2", token="hunter2", cookie="hunter2")
    assert "hunter2" not in repr(credentials)
    assert "hunter2" not in refused(BOTH, bearer("hunter2"))


# Requests


@pytest.mark.parametrize(
    "header",
    [
        "HTTP_FORWARDED",
        "HTTP_VIA",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_PROTO",
        "HTTP_X_FORWARDED_ANYTHING",
    ],
)
def test_any_mark_of_a_proxy_counts_even_an_empty_one(header: str) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:3001"}
    assert not Credentials.from_environ(environ).proxied
    assert Credentials.from_environ(environ | {header: ""}).proxied


@pytest.mark.parametrize(
    ("origin", "host", "foreign"),
    [
        (None, "chef.example", False),
        ("http://localhost:3001", "localhost:3001", False),
        ("https://chef.example", "chef.example", False),
        ("https://chef.example", "Chef.Example:443", False),
        ("http://chef.example", "chef.example:80", False),
        ("http://[::1]:3001", "[::1]:3001", False),
        ("http://localhost:5173", "localhost:3001", True),
        ("http://127.0.0.1:3001", "localhost:3001", True),
        ("https://chef.example", "chef.example:3001", True),
        ("https://evil.example", "chef.example", True),
        ("https://chef.example.evil.example", "chef.example", True),
        ("null", "chef.example", True),
        ("", "chef.example", True),
        ("https://chef.example", "", True),
        ("garbage", "garbage", True),
    ],
)
def test_an_origin_is_foreign_unless_it_is_the_very_server(
    origin: str | None, host: str, foreign: bool
) -> None:
    environ = {"HTTP_HOST": host} | ({} if origin is None else {"HTTP_ORIGIN": origin})
    assert Credentials.from_environ(environ).foreign_origin is foreign


def test_behind_a_proxy_the_name_that_it_was_asked_for_is_the_servers() -> None:
    environ = {
        "HTTP_HOST": "127.0.0.1:3001",
        "HTTP_X_FORWARDED_HOST": "chef.example, inner",
        "HTTP_ORIGIN": "https://chef.example",
    }
    credentials = Credentials.from_environ(environ)
    assert not credentials.foreign_origin
    assert credentials.proxied


def test_a_request_becomes_credentials() -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_AUTHORIZATION": "Bearer x", "HTTP_HOST": "localhost"}
    assert Credentials.from_environ(environ, token="t", cookie="c") == Credentials(
        authorization="Bearer x",
        token="t",
        cookie="c",
        remote_addr="127.0.0.1",
        address="127.0.0.1",
    )
    assert Credentials.from_environ({}) == Credentials()
    with pytest.raises(Unauthorized):
        gate(NOTHING_SET).writer(Credentials())


# Issuing


def test_an_issued_token_opens_what_it_was_issued_for() -> None:
    text = issue_token(JWT_ONLY, ["read", "write"], ["web", "api", "web"], 60, NOW + 999)
    principal = gate(JWT_ONLY).writer(bearer(text))
    assert principal == Principal(frozenset({"read", "write"}), frozenset({"web", "api"}), NOW + 60_000)
    assert jwt.decode(text, options={"verify_signature": False}) == {
        "iat": SECONDS,
        "exp": SECONDS + 60,
        "scope": "read write",
        "projects": ["api", "web"],
    }


def test_a_token_issued_without_projects_is_for_all_of_them() -> None:
    principal = gate(JWT_ONLY).reader(bearer(issue_token(JWT_ONLY, ["read"], [], 1, NOW)))
    assert principal.projects is None


@pytest.mark.parametrize(
    ("settings", "scopes", "projects", "lifetime", "reason"),
    [
        (NOTHING_SET, ["read"], [], 60, "CHEF_JWT_SECRET is not set"),
        (Settings(jwt_public_key=pem("EdDSA")), ["read"], [], 60, "sign them with its private key"),
        (JWT_ONLY, [], [], 60, "scope must be read, write or both"),
        (JWT_ONLY, ["admin"], [], 60, "scope must be read, write or both"),
        (JWT_ONLY, ["read"], ["a/b"], 60, "project must be 1 to 128 characters"),
        (JWT_ONLY, ["read"], [], 0, "at least one second"),
        (JWT_ONLY, ["read"], [f"{n:0128}" for n in range(99)], 60, "too many projects"),
    ],
)
def test_a_token_that_could_not_work_is_not_issued(
    settings: Settings, scopes: list[str], projects: list[str], lifetime: int, reason: str
) -> None:
    with pytest.raises(TokenError, match=reason):
        issue_token(settings, scopes, projects, lifetime, NOW)

"""How deliveries prove where they come from: each platform's own way. All compare in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import warnings
from collections.abc import Callable

from chef.hooks.delivery import HookDelivery

Verify = Callable[[HookDelivery, str, float], bool]
"""Whether a delivery is signed with a secret, at a time (seconds since 1970)."""

TOLERANCE_S = 300
"""A signed time may be so far from ours (the Standard Webhooks specification's advice)."""

_WHSEC = "whsec_"


def hex_hmac(header: str, algorithm: str, prefix: str = "") -> Verify:
    """An HMAC of the body in hexadecimal, as GitHub (SHA-256) and Vercel (SHA-1) send it."""

    def verify(delivery: HookDelivery, secret: str, _now: float) -> bool:
        expected = prefix + hmac.new(secret.encode(), delivery.body, algorithm).hexdigest()
        return _equal(delivery.headers.get(header, ""), expected)

    return verify


def base64_hmac(header: str) -> Verify:
    """An HMAC-SHA256 of the body in Base64, as Heroku sends it."""

    def verify(delivery: HookDelivery, secret: str, _now: float) -> bool:
        expected = base64.b64encode(hmac.digest(secret.encode(), delivery.body, "sha256")).decode()
        return _equal(delivery.headers.get(header, ""), expected)

    return verify


def plain_token(header: str) -> Verify:
    """The secret itself in a header, as GitLab sends it."""

    def verify(delivery: HookDelivery, secret: str, _now: float) -> bool:
        return _equal(delivery.headers.get(header, ""), secret)

    return verify


def signed_by_jws(header: str, issuer: str) -> Verify:
    """A JWS (HS256) whose claim `sha256` is that of the body, as Netlify sends it."""

    def verify(delivery: HookDelivery, secret: str, _now: float) -> bool:
        import jwt
        from jwt.warnings import InsecureKeyLengthWarning

        # People choose these secrets, and platforms take short ones: a warning would be of no use in our log.
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        try:
            claims = jwt.decode(delivery.headers.get(header, ""), secret, ["HS256"], issuer=issuer)
        except jwt.PyJWTError:
            return False
        said = claims.get("sha256")
        return isinstance(said, str) and _equal(said, hashlib.sha256(delivery.body).hexdigest())

    return verify


def standard_webhook(delivery: HookDelivery, secret: str, now: float) -> bool:
    """The Standard Webhooks specification 1.0, as Render and GitLab's signing tokens follow it.

    `webhook-signature` has signatures separated by spaces, each a version and its Base64: one must be
    that of id, time and body. Source: https://www.standardwebhooks.com.
    """
    headers = delivery.headers
    sent_at, name = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    if not (sent_at.isascii() and sent_at.isdigit() and len(sent_at) < 16) or not name:
        return False
    if abs(now - int(sent_at)) > TOLERANCE_S:
        return False
    expected = f"v1,{signature(name, int(sent_at), delivery.body, secret)}"
    return any(_equal(one, expected) for one in headers.get("webhook-signature", "").split(" "))


def signature(name: str, sent_at: int, body: bytes, secret: str) -> str:
    """A `v1` signature of that specification, in Base64."""
    signed = b".".join((name.encode(), str(sent_at).encode(), body))
    return base64.b64encode(hmac.digest(_key(secret), signed, "sha256")).decode()


def address_key(platform: str, project_id: str, secret: str) -> str:
    """What stands behind `?key=` in the address of a platform that signs nothing.

    It is good for this platform and project alone, and the secret cannot be found from it.
    """
    return hmac.new(secret.encode(), f"{platform}/{project_id}".encode(), "sha256").hexdigest()[:40]


def _key(secret: str) -> bytes:
    """The bytes of `whsec_…`, else those of the text."""
    if secret.startswith(_WHSEC):
        try:
            return base64.b64decode(secret.removeprefix(_WHSEC), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())

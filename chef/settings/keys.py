"""Keys of JWTs: what may be one, and the one algorithm that belongs to it.

Loads PyJWT and cryptography, so it is imported only where a key is set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidKeyError

from chef.settings.checks import Wrong

Algorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]
PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

JWT_SECRET_MIN_BYTES = 32
_PEM_BEGINS = re.compile(r"(?=-----BEGIN )")
RSA_MIN_BITS = 2048


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """The key that JWTs are verified with, and the one algorithm that is taken."""

    algorithm: Algorithm
    key: PublicKey | bytes


def jwt_secret(text: str) -> str:
    """An HS256 secret: text of at least 32 bytes that is not mistaken for another kind of key."""
    try:
        secret = text.encode()
    except UnicodeEncodeError:
        raise Wrong("must be UTF-8 text") from None
    if text != text.strip():
        raise Wrong("must not begin or end with a space or a newline")
    if len(secret) < JWT_SECRET_MIN_BYTES:
        raise Wrong(f"must be at least {JWT_SECRET_MIN_BYTES} bytes long, this one has {len(secret)}")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except InvalidKeyError:
        raise Wrong("must be a plain secret; a public key belongs into CHEF_JWT_PUBLIC_KEY") from None
    return text


def jwt_public_keys(text: str) -> str:
    r"""PEM public keys that `verifying_keys` takes, one behind the other, with real newlines.

    Platforms and `.env` files often carry a PEM on one line with `\n` written out.
    """
    pems = text.replace("\\r", "").replace("\\n", "\n").strip() + "\n"
    verifying_keys(pems)
    return pems


def verifying_keys(pems: str) -> tuple[VerifyingKey, ...]:
    """The keys of one PEM or of several, in their order. Where two are exchanged, both are there."""
    parts = [one for one in _PEM_BEGINS.split(pems) if "-----BEGIN " in one]
    return tuple(_verifying_key(one) for one in parts or [pems])


def _verifying_key(pem: str) -> VerifyingKey:
    """The key and the one algorithm that belongs to its type."""
    if "PRIVATE KEY" in pem:
        raise Wrong(
            "is a private key, which does not belong on this server; give its public half "
            "(openssl pkey -in private.pem -pubout)"
        )
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Wrong("must be a public key in PEM form (-----BEGIN PUBLIC KEY-----)") from None
    if isinstance(key, RSAPublicKey):
        if key.key_size < RSA_MIN_BITS:
            raise Wrong(f"is an RSA key of {key.key_size} bits, at least {RSA_MIN_BITS} are needed")
        return VerifyingKey("RS256", key)
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return VerifyingKey("ES256", key)
    if isinstance(key, Ed25519PublicKey):
        return VerifyingKey("EdDSA", key)
    raise Wrong("must be an RSA key (RS256), an EC key on P-256 (ES256) or an Ed25519 key (EdDSA)")

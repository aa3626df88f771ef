"""The digest of an update's content, by which the same update is known when it is sent again."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from chef.domain.model import Update
from chef.domain.testreports import ReportedTests
from chef.wire.fields import UPDATES, fields_of

# Of each type of update: its fields in the digest, and Update's attributes for them.
_DIGESTED = {
    kind: tuple((field.name, field.attribute) for field in fields_of(kind) if field.in_digest)
    for kind in UPDATES
}


def content_digest(update: Update) -> bytes:
    """SHA-256 over the content of an update: equal for the same content, however it was written.

    50 is 50.0, the order of keys means nothing, and a field left out is its default. It is stored, so its
    form must stay: a field that is added later must not change updates without it.
    """
    values = {name: _plain(getattr(update, attribute)) for name, attribute in _DIGESTED[update.type]}
    present = {name: value for name, value in values.items() if value is not None}
    # Standard library: this text outlives any version of a faster one.
    text = json.dumps(present, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).digest()


def _plain(value: Any) -> Any:
    """The value with whole floats as integers, since JSON writers differ in them; of a report its digest."""
    if isinstance(value, ReportedTests):
        return value.fingerprint
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value

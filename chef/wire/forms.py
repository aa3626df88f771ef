"""The texts of forms and queries as the typed values that JSON would have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chef.wire.fields import FIELDS
from chef.wire.findings import Findings
from chef.wire.strict import shown, string_fault

# A name is read alike whatever type of update it belongs to.
_READ_TEXT = {field.name: read for field in FIELDS if (read := field.value.read_text) is not None}


def coerce_form(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Form or query fields, all strings, as the typed values that JSON would have.

    `progress`, `code` and `every` become numbers, `meta`, `artifacts` and `integrity` are JSON texts, and
    `meta.KEY` sets a string in `meta`. Raises Invalid for a text that cannot be read and for a name that is
    given more than once.
    """
    findings = Findings()
    fields: dict[str, Any] = {}
    meta: dict[str, str] = {}
    for name, text in pairs:
        target = meta if name.startswith("meta.") else fields
        key = name.removeprefix("meta.") if target is meta else name
        fault = string_fault(name) or string_fault(text)
        if fault:
            findings.wrong(shown(name), f"must not contain {fault}")
        elif not key:
            findings.wrong(shown(name), "needs a name, such as meta.branch" if name else "needs a name")
        elif key in target:
            findings.wrong(shown(name), "is given more than once")
        else:
            read = None if target is meta else _READ_TEXT.get(key)
            target[key] = text if read is None else read(text, key, findings)
    _combine_meta(fields, meta, findings)
    findings.raise_if_failed()
    return fields


def whole_of_form(value: Any) -> Any:
    """The number that a text of at most nine digits is, as forms have it; any other value as it is."""
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10
    return int(value) if is_number else value


def _combine_meta(fields: dict[str, Any], entries: dict[str, str], findings: Findings) -> None:
    whole = fields.get("meta", {})
    # Another kind of value is told by the check of the field itself.
    if not entries or not isinstance(whole, dict):
        return
    for key in whole.keys() & entries.keys():
        findings.wrong(shown(f"meta.{key}"), "is given more than once: in meta too")
    fields["meta"] = {**whole, **entries}

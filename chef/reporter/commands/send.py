"""`send`: updates as they are, from words of the command line or from JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from chef.reporter.commands.options import OptionParser, add_step, parse_exit_code
from chef.reporter.commands.updates import send_updates, warn


def add_send(parser: OptionParser) -> None:
    """The arguments of `send`."""
    add_step(parser)
    parser.add_argument(
        "fields",
        nargs="+",
        metavar="FIELD=VALUE",
        help="fields of one update, or JSON, or - for JSON (an object, an array, lines) on standard input",
    )


def run_send(arguments: Any) -> int:
    """Send updates as they are."""
    try:
        updates = parse_updates(arguments.fields)
    except ValueError as error:
        return warn(arguments, str(error))
    return send_updates(arguments, [{"type": "progress", **update} for update in updates])


def parse_updates(words: list[str]) -> list[dict[str, Any]]:
    """Updates of the words of a command line; raises ValueError with a text for people."""
    if words == ["-"]:
        return _documents(sys.stdin.buffer.read().decode("utf-8", "replace"))
    if len(words) == 1 and words[0].lstrip()[:1] in ("{", "["):
        return _documents(words[0])
    update: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            raise ValueError("%r is no FIELD=VALUE" % word[:200])
        if name.startswith("meta."):
            update.setdefault("meta", {})[name[5:]] = value
        elif name in ("progress", "meta", "artifacts"):
            update[name] = _json_value(name, value)
        else:
            update[name] = parse_exit_code(value) if name == "code" else value
    return [update]


def _json_value(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        what = "a number from 0 to 100" if name == "progress" else "JSON"
        raise ValueError("%s must be %s (it is %r)" % (name, what, text[:200])) from None


def _documents(text: str) -> list[dict[str, Any]]:
    """JSON objects: one, an array of them, or one a line."""
    try:
        found = json.loads(text)
    except ValueError:
        found = [_json_value("each line", line) for line in text.splitlines() if line.strip()]
    updates = found if isinstance(found, list) else [found]
    if not all(isinstance(one, dict) for one in updates):
        raise ValueError("updates are JSON objects")
    return updates

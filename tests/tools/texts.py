"""The pages' texts, found in the sources, and their French file brought up to date: `make texts`."""

from __future__ import annotations

import ast
import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from chef.pages.language import FOLDER, catalogue_file
from tests.tools.serving import ROOT

# Refusals below the pages are English sentences; pages translate those that they may have to show.
_REFUSALS = ("Unauthorized", "MissingToken", "WrongToken", "Forbidden")
_KEYWORDS = DEFAULT_KEYWORDS | dict.fromkeys(_REFUSALS)
_HEAD = """\
# The pages' texts in French. `make texts` brings it up to date with the sources; no text may be missing.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: fr\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"

"""


def extracted() -> Catalog:
    """Every text that templates, modules and Python name."""
    with (FOLDER / "babel.cfg").open(encoding="utf-8") as file:
        named, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    ours = {"python": f"{__name__}:python_calls"}
    methods = [(pattern, ours.get(method, method)) for pattern, method in named]
    found = Catalog(locale="fr")
    for path, _line, text, _comments, context in extract_from_dir(
        ROOT, methods, options, keywords=_KEYWORDS, directory_filter=_has_sources
    ):
        found.add(text, None, [(path.replace("\\", "/"), 0)], context=context)
    return found


def python_calls(
    file: IO[bytes], keywords: Collection[str], comment_tags: object, options: object
) -> Iterator[tuple[int, str, list[Any], list[str]]]:
    """The calls in a Python source, as an extractor of Babel's tells them.

    Babel's own reads tokens, of which an f-string is a single one before Python 3.12: what is called within
    it would be found by some versions only.
    """
    calls = [node for node in ast.walk(ast.parse(file.read())) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in keywords:
            texts = [one.value if isinstance(one, ast.Constant) else None for one in call.args]
            yield call.lineno, name, [text if isinstance(text, str) else None for text in texts], []


def _has_sources(folder: str) -> bool:
    return Path(folder).name not in (
        "node_modules",
        ".venv",
        ".git",
        "tests",
        "bench",
        "build",
        "screenshots",
    )


def french() -> Catalog:
    """The translations as they are."""
    with catalogue_file("fr").open("rb") as file:
        return read_po(file, locale="fr")


def update() -> str:
    """The French file with the texts that the sources name now, and no others; new ones untranslated."""
    known = french()
    known.update(extracted(), no_fuzzy_matching=True)
    for message in known:
        message.locations = sorted({(path, 0) for path, _ in message.locations})
    body = io.BytesIO()
    write_po(body, known, width=0, include_lineno=False, omit_header=True, ignore_obsolete=True)
    return _HEAD + body.getvalue().decode()


if __name__ == "__main__":
    catalogue_file("fr").write_text(update(), encoding="utf-8")

"""Puts the modules of client/ together into the files that pages load: one request each, and few bytes.

A file is an ES module, which imports no other but those that are files, too, or packages of npm. The modules
of a file become one, in the order in which they import each other, without their comments. A name that two of
them have at their top level is refused, since one would hide the other.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from pathlib import Path

_IMPORT = re.compile(r'^import \{([^}]*)\} from "([^"]+)";\n', re.MULTILINE)
_OTHER_IMPORT = re.compile(r"^import .*|^export .* from .*|\bimport\(.*", re.MULTILINE)
_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:class|const|let|function\*?) ([\w$]+)", re.MULTILINE)
_COMMENT = re.compile(r"^ *//[^\n]*\n|^ */\*\*.*?\*/\n|/\*\* [^\n]*? \*/ ?", re.MULTILINE | re.DOTALL)
_BLANK_LINES = re.compile(r"\n{2,}")


class ClientError(Exception):
    """The modules cannot become one file; says why."""


def bundled(folder: Path, entry: str, files: Collection[str], title: str) -> str:
    """The text of a file: its title as a comment, the module `entry`, and what it imports but `files`."""
    return _Bundle(folder, files).text(entry, title)


class _Bundle:
    """The modules of one file so far, and what they import that is no part of it."""

    def __init__(self, folder: Path, files: Collection[str]) -> None:
        self._folder = folder
        self._files = files
        self._modules: dict[str, str] = {}
        self._imports: dict[str, dict[str, None]] = {}

    def text(self, entry: str, title: str) -> str:
        self._add(entry, ())
        self._check_names()
        *inner, last = self._modules.values()
        kept = [
            f'import {{ {", ".join(names)} }} from "{source}";\n' for source, names in self._imports.items()
        ]
        hidden = [re.sub(r"^export ", "", text, flags=re.MULTILINE) for text in inner]
        return f"// {title}\n" + "".join(kept) + _BLANK_LINES.sub("\n", "".join([*hidden, last]).lstrip("\n"))

    def _add(self, path: str, importing: tuple[str, ...]) -> None:
        """Add a module behind those that it imports."""
        if path in importing:
            raise ClientError(f"{path} imports itself by way of {importing[-1]}")
        text = _COMMENT.sub("", (self._folder / path).read_text("utf-8"))
        for names, source in _IMPORT.findall(text):
            module = posixpath.normpath(posixpath.join(posixpath.dirname(path), source))
            if not source.startswith(".") or module in self._files:
                kept = source if not source.startswith(".") else f"./{module}"
                self._imports.setdefault(kept, {}).update(
                    dict.fromkeys(re.findall(r"\S+", names.replace(",", " ")))
                )
            elif module not in self._modules:
                self._add(module, (*importing, path))
        text = _IMPORT.sub("", text)
        if other := _OTHER_IMPORT.search(text):
            raise ClientError(f"{path} imports in a way that is not known here: {other[0]}")
        self._modules[path] = text

    def _check_names(self) -> None:
        owners: dict[str, str] = {name: "its imports" for names in self._imports.values() for name in names}
        for path, text in self._modules.items():
            for name in _DECLARED.findall(text):
                if name in owners:
                    raise ClientError(f"{name} is in {owners[name]} and in {path}")
                owners[name] = path

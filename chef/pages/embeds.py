"""The elements for other pages: `/embed.js`, and the modules that it loads.

Another page has no import map, no data of ours, and perhaps another language than its neighbour. So the
modules of `static/` are served once more: their imports are relative, and `page-data.js` holds what a page of
ours would carry. Each language has a folder with modules of its own, since texts are fixed when a module is
loaded; `any` is the folder of those that come before the language is known. An address has the digest of all
contents, so that nothing old is mixed with what is new.
"""

from __future__ import annotations

import gzip
import json
import posixpath
import re
from collections.abc import Iterator
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

from flask import Flask, Response, abort, render_template, request

from chef.errors import NotFound
from chef.pages.assets import IMPORT, Assets
from chef.pages.constants import constants
from chef.pages.language import LANGUAGES, in_language, module_texts
from chef.version import VERSION

_ENTRY, _DATA = "embed/elements.js", "page-data.js"
_VIEWS = {name: f"embed/{name}-view.js" for name in ("progress", "log", "project")}
_ANY = "any"
_OURS = "chef/"
_FOR_EVER = "public, max-age=31536000, immutable"
_READ_DATA = "\nexport function pageData(id) {\n  return data[id] ?? null;\n}\n"


class _Module(NamedTuple):
    """A module as it is sent: whole, or packed to whoever takes it so."""

    content: bytes
    packed: bytes
    etag: str


def install(app: Flask, assets: Assets) -> None:
    """Add the addresses of `/embed.js` and of its modules."""
    embeds = _Embeds(assets)
    app.add_url_rule("/embed.js", "embed", embeds.newest)
    app.add_url_rule("/client/<version>/embed.js", "embed_of_version", embeds.of_version)
    app.add_url_rule("/client/<version>/embed/<digest>/<place>/<path:name>", "embed_module", embeds.module)


class _Embeds:
    """The modules of the elements. They are put together when the first page asks for them."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    def newest(self) -> Response:
        """The script of a page: it loads this server's elements."""
        return self._loader(f"./client/{VERSION}/", "no-cache")

    def of_version(self, version: str) -> Response:
        """The same at an address that is kept for ever."""
        _check(version)
        return self._loader("./", _FOR_EVER)

    def module(self, version: str, digest: str, place: str, name: str) -> Response:
        """A module in a folder. One of another digest is what there is now, and not kept."""
        _check(version)
        text = self._texts.get(f"{place}/{name}")
        if text is None:
            abort(404)
        return _answer(text, _FOR_EVER if digest == self._digest else "no-cache")

    def _loader(self, folder: str, keeping: str) -> Response:
        entry = f"{folder}embed/{self._digest}/{_ANY}/{_ENTRY}"
        return _answer(_text(render_template("embed.js", version=VERSION, entry=entry)), keeping)

    @cached_property
    def _digest(self) -> str:
        return sha256("".join(text.etag for text in self._texts.values()).encode()).hexdigest()[:12]

    @cached_property
    def _texts(self) -> dict[str, _Module]:
        """All modules by folder and name."""
        return {path: _text(source) for path, source in self._sources()}

    def _sources(self) -> Iterator[tuple[str, str]]:
        views = {name: self._modules(entry) for name, entry in _VIEWS.items()}
        places = {name: [_place_of(one) for one in modules] for name, modules in views.items()}
        data: dict[str, object] = {"languages": LANGUAGES, "views": places}
        yield from self._folder(_ANY, self._modules(_ENTRY), data)
        for language in LANGUAGES:
            with in_language(language):
                data = {"language": language, "constants": constants(), "texts": module_texts()}
            modules = list(dict.fromkeys(one for view in views.values() for one in view))
            yield from self._folder(language, modules, data)

    def _modules(self, entry: str) -> list[str]:
        """The names by which a module, and all that it imports, are imported."""
        return [f"{_OURS}{entry}", *self._assets.imported_by(entry)]

    def _folder(self, folder: str, modules: list[str], data: dict[str, object]) -> Iterator[tuple[str, str]]:
        for module in modules:
            place = _place_of(module)
            if place == _DATA:
                yield f"{folder}/{place}", f"const data = {json.dumps(data, ensure_ascii=False)};{_READ_DATA}"
            else:
                yield f"{folder}/{place}", _with_relative_imports(place, self._assets.source(module))


def _place_of(module: str) -> str:
    """Where a module stands that is imported by this name; the client is above all folders."""
    if module == "chef-client":
        return "../../../client.js"
    return module.removeprefix(_OURS) if module.startswith(_OURS) else f"lib/{module}.js"


def _with_relative_imports(place: str, source: str) -> str:
    """A module at a place in a folder, whose imports are found from there."""
    folder = "/version/embed/digest"  # Any as deep as those that there are.

    def found(one: re.Match[str]) -> str:
        name = one[1] or one[2]
        path = posixpath.relpath(f"{folder}/{_place_of(name)}", posixpath.dirname(f"{folder}/{place}"))
        return one[0].replace(f'"{name}"', f'"{path}"' if path.startswith("..") else f'"./{path}"')

    return IMPORT.sub(found, source)


def _check(version: str) -> None:
    if version != VERSION:
        raise NotFound(f"there is no client {version[:50]!r} here: this server has that of version {VERSION}")


def _text(source: str) -> _Module:
    content = source.encode()
    return _Module(content, gzip.compress(content, mtime=0), sha256(content).hexdigest()[:32])


def _answer(text: _Module, keeping: str) -> Response:
    is_packed = bool(request.accept_encodings["gzip"])
    response = Response(
        text.packed if is_packed else text.content, content_type="text/javascript; charset=utf-8"
    )
    response.set_etag(text.etag, weak=is_packed)
    response.headers["Cache-Control"] = keeping
    response.vary.add("Accept-Encoding")
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.make_conditional(request)
    return response

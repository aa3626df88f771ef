"""The files that a page loads besides itself: our modules and styles, and the libraries that npm brought.

Every address carries the hash of its content, so a browser may keep it for ever and a new version
is never mixed with an old one. Modules import each other by the names of the import map for the
same reason: a relative import would lose the hash.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from flask import Flask, Response, abort, request, send_file

from chef.pages.sharedaddresses import SHARED

# The files of node_modules that may be served, and no others: our name for it, and where npm puts it.
_LIBRARIES = {
    "ansi-sequence-parser.js": "ansi-sequence-parser/dist/index.js",
    "socket.io-client.js": "socket.io-client/dist/socket.io.esm.min.js",
}
IMPORT = re.compile(r'^(?:import .*?|export .*?|\} )from "([^"]+)"|\bimport\("([^"]+)"\)', re.MULTILINE)
"""The imports of a module, at once or when they are needed: a name in one of two groups."""
# Modules that other pages load, and ours do not.
_FOR_OTHERS = "embed/"
# Names of what is sent in fewer bytes to browsers that take it so.
_PACKED = (".js", ".css", ".svg")
_FOR_EVER = "public, max-age=31536000, immutable"


class _Addresses(NamedTuple):
    """Where a page finds files below one root, and the import map with its digest for a policy."""

    of_static: Mapping[str, str]
    of_modules: Mapping[str, str]
    import_map: str
    digest: str


class Assets:
    """The static files of one application and where they are found. Read once, when it is made."""

    def __init__(self, app: Flask) -> None:
        self._url_map = app.url_map
        self._static = Path(app.static_folder or "")
        self._node_modules = Path(app.root_path).parent / "node_modules"
        files = sorted(path for path in self._static.rglob("*") if path.is_file())
        self._static_hashes = {path.relative_to(self._static).as_posix(): _hash(path) for path in files}
        self._library_hashes = {name: _hash(path) for name, path in self._found_libraries()}
        direct = {
            name: _imports_of(self._static / name) for name in self._static_hashes if name.endswith(".js")
        }
        self._imports = {name: self._imported_by(name, direct, {}) for name in direct}
        # Endpoint, name and ETag of a file, and the file packed.
        self._packed: dict[tuple[str, str, str], bytes] = {}
        app.add_url_rule("/lib/<name>", "library", self._library)
        app.jinja_env.globals.update(asset=self.url, import_map=self.import_map, preloads=self.preloads)
        app.after_request(self._keep)
        app.extensions["chef.assets"] = self

    def url(self, name: str) -> str:
        """The address of a file in static/."""
        return self._addresses.of_static[name]

    def preloads(self, module: str, *leaving_out: str) -> list[str]:
        """The addresses of all that a module of ours imports: a browser asks for all of it at once."""
        addresses = self._addresses.of_modules
        return [addresses[name] for name in self._imports[module] if name not in leaving_out]

    def import_map(self) -> str:
        """Module names and their addresses, as the JSON text of an import map."""
        return self._addresses.import_map

    def imported_by(self, module: str) -> list[str]:
        """The names that a module of ours, and what it imports, imports: `chef/NAME.js`, or a library."""
        return self._imports[module]

    def source(self, name: str) -> str:
        """The text of a module that is imported by this name."""
        if name.startswith("chef/"):
            return (self._static / name.removeprefix("chef/")).read_text("utf-8")
        return (self._node_modules / _LIBRARIES[f"{name}.js"]).read_text("utf-8")

    @property
    def _modules(self) -> list[str]:
        """The modules of our own pages."""
        return [
            name for name in self._static_hashes if name.endswith(".js") and not name.startswith(_FOR_OTHERS)
        ]

    @property
    def _addresses(self) -> _Addresses:
        """Those of the present request. A page that is seen by a share link has the same as all others."""
        root = "" if SHARED in request.environ else request.script_root
        return self._addresses_below(root) if root else self._usual_addresses

    @cached_property
    def _usual_addresses(self) -> _Addresses:
        return self._addresses_below("")

    def _addresses_below(self, root: str) -> _Addresses:
        build = self._url_map.bind("", root or "/").build
        of_static = {
            name: build("static", {"filename": name, "v": found})
            for name, found in self._static_hashes.items()
        }
        of_modules = {f"chef/{name}": of_static[name] for name in self._modules} | {
            name.removesuffix(".js"): build("library", {"name": name, "v": found})
            for name, found in self._library_hashes.items()
        }
        # Names are ours; escaped all the same, since this is put into a script element as it is.
        text = json.dumps({"imports": of_modules}, separators=(",", ":")).replace("<", "\\u003c")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        return _Addresses(of_static, of_modules, text, digest)

    def _imported_by(self, module: str, direct: Mapping[str, list[str]], found: dict[str, None]) -> list[str]:
        """All that a module imports, and what that imports, in the order in which they are named.

        `direct` is what each module of ours names itself.
        """
        for name in direct[module]:
            ours = name.removeprefix("chef/")
            if name not in found and (ours in direct or f"{name}.js" in self._library_hashes):
                found[name] = None
                if ours in direct:
                    self._imported_by(ours, direct, found)
        return list(found)

    def import_map_source(self) -> str:
        """The name in a Content-Security-Policy of the import map, the one inline script of a page."""
        return f"'sha256-{self._addresses.digest}'"

    @property
    def has_socket_io(self) -> bool:
        """Whether npm was run, so that a page can load the Socket.IO client."""
        return "socket.io-client.js" in self._library_hashes

    def _found_libraries(self) -> list[tuple[str, Path]]:
        paths = [(name, self._node_modules / path) for name, path in _LIBRARIES.items()]
        return [(name, path) for name, path in paths if path.is_file()]

    def _library(self, name: str) -> Response:
        if name not in self._library_hashes or name not in dict(self._found_libraries()):
            abort(404)
        return send_file(self._node_modules / _LIBRARIES[name], mimetype="text/javascript", etag=True)

    def _keep(self, response: Response) -> Response:
        """A file is kept as long as its address promises the content that it has."""
        known = {"static": self._static_hashes, "library": self._library_hashes}.get(request.endpoint or "")
        if known is not None and response.status_code in (200, 304):
            name = (request.view_args or {}).get("filename" if request.endpoint == "static" else "name", "")
            current = request.args.get("v") == known.get(name, "")
            response.headers["Cache-Control"] = _FOR_EVER if current else "no-cache"
            if name.endswith(_PACKED):
                response.vary.add("Accept-Encoding")
                self._pack(response, request.endpoint or "", name)
        return response

    def _pack(self, response: Response, endpoint: str, name: str) -> None:
        """Send a text in a third of its bytes to whoever takes it so; each is packed once."""
        etag, _ = response.get_etag()
        if response.status_code != 200 or etag is None or not request.accept_encodings["gzip"]:
            return
        key = endpoint, name, etag
        response.direct_passthrough = False
        if key not in self._packed:
            self._packed[key] = gzip.compress(response.get_data(), mtime=0)
        response.close()  # The file.
        response.set_data(self._packed[key])
        response.headers["Content-Encoding"] = "gzip"
        # The bytes are others, the text is the same.
        response.set_etag(etag, weak=True)


def _imports_of(module: Path) -> list[str]:
    return ["".join(found) for found in IMPORT.findall(module.read_text("utf-8"))]


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]

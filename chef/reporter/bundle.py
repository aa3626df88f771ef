"""Puts the reporter's modules together into the one file that `GET /chef.py` serves.

Runs on the server, and is no part of what it makes. The modules become one, in the order in which they
import each other; a name that two of them give at their top level is refused, since one would hide
the other.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PACKAGE = "chef.reporter"
_ENTRY = "cli"
_NO_PART = {"__init__", "bundle"}

# The file lies in the folder that is built, more often than not, and that may have an http/ or a json.py.
_PATH = """\
import sys

if __name__ == "__main__" and not sys.flags.isolated:
    # Only the standard library is meant by what follows, not what lies beside this file.
    sys.path[:] = [path for path in sys.path[1:] if path]"""


class Script(NamedTuple):
    """A file as it is served."""

    text: bytes
    version: str
    sha256: str


class BundleError(Exception):
    """The modules cannot become one file; says why."""


@functools.lru_cache(maxsize=4)
def python_script(version: str) -> Script:
    """The reporter as one Python file."""
    paths = [path for path in sorted(HERE.rglob("*.py")) if path.stem not in _NO_PART]
    modules = {_module_name(path): path.read_text("utf-8") for path in paths}
    return _script(bundled(modules, version), version)


@functools.lru_cache(maxsize=4)
def shell_script(version: str) -> Script:
    """The reporter for machines without Python, for sh and curl."""
    text = (HERE / "chef.sh").read_text("utf-8")
    text = text.replace("# (ci.sh)\n", (HERE / "ci.sh").read_text("utf-8"), 1)
    return _script(text.replace("chef_version=0", "chef_version=" + version, 1), version)


def _module_name(path: Path) -> str:
    """A module as the others import it, below the package: `output.lines`."""
    return ".".join(path.relative_to(HERE).with_suffix("").parts)


def _script(text: str, version: str) -> Script:
    data = text.encode()
    return Script(data, version, hashlib.sha256(data).hexdigest())


def bundled(modules: dict[str, str], version: str) -> str:
    """One module of several that import each other by `from chef.reporter.NAME import …`."""
    trees = {name: ast.parse(text) for name, text in modules.items()}
    names: dict[str, str] = {}
    for module, tree in trees.items():
        for name in _defined(tree):
            if names.setdefault(name, module) != module:
                raise BundleError(f"{name} is in {names[name]} and in {module}")
    order = _in_order(trees)
    imports = sorted({line for name in order for line in _foreign_imports(trees[name])} - {"import sys"})
    parts = [_head(version), _PATH, "\n".join(imports)]
    parts += [_body(name, modules[name], trees[name]) for name in order]
    parts.append(_foot(version))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _head(version: str) -> str:
    return f'''#!/usr/bin/env python3
"""chef {version}: reports a build to Chef. Python 3.8 or newer, nothing else.

    python3 chef.py run --project web -- make -j4
    python3 chef.py --help

Made from chef/reporter/ of Chef, which is under the MIT licence.
"""

from __future__ import annotations'''


def _foot(version: str) -> str:
    return f'if __name__ == "__main__":\n    sys.exit(main(prog="chef.py", version="{version}"))'


def _defined(tree: ast.Module) -> list[str]:
    """The names that a module gives at its top level, except those that it imports."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [
                one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)
            ]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    return names


def _is_ours(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE + ".")


def _in_order(trees: dict[str, ast.Module]) -> list[str]:
    """The modules, each behind those that it imports."""
    order: list[str] = []

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise BundleError(f"{name} imports itself by way of {', '.join(above)}")
        if name not in order:
            for other in _imported(trees[name]):
                add(other, (*above, name))
            order.append(name)

    add(_ENTRY, ())
    unused = sorted(trees.keys() - set(order))
    if unused:
        raise BundleError(f"nothing imports {', '.join(unused)}")
    return order


def _imported(tree: ast.Module) -> list[str]:
    return [
        (node.module or "").removeprefix(PACKAGE + ".")
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and _is_ours(node)
    ]


def _foreign_imports(tree: ast.Module) -> list[str]:
    """Imports of the standard library at the top level, one a line."""
    lines = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            lines += [f"import {_alias(alias)}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not _is_ours(node) and node.module != "__future__":
            lines += [f"from {node.module} import {_alias(alias)}" for alias in node.names]
    return lines


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _body(name: str, text: str, tree: ast.Module) -> str:
    """A module's own text, without its docstring (which becomes a comment) and its imports."""
    lines = text.splitlines()
    gone: set[int] = set()
    for place, node in enumerate(tree.body):
        is_docstring = place == 0 and isinstance(node, ast.Expr)
        if isinstance(node, ast.ImportFrom) and _is_ours(node):
            renamed = [alias.name for alias in node.names if alias.asname]
            if renamed:
                raise BundleError(f"{name} imports {renamed[0]} under another name")
        if is_docstring or isinstance(node, ast.Import | ast.ImportFrom):
            gone.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    kept = "\n".join(line for number, line in enumerate(lines, 1) if number not in gone)
    about = (ast.get_docstring(tree) or "").splitlines()
    title = [f"# --- {name} " + "-" * max(3, 90 - len(name)), *(f"# {line}".rstrip() for line in about)]
    return "\n".join(title) + "\n\n" + kept.strip("\n")

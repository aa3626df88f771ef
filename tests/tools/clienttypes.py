"""The types of what the server sends, in client/client.d.ts: made from the OpenAPI document.

`python -m tests.tools.clienttypes` writes them anew.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from chef.api.openapi.schemas import schemas
from tests.tools.serving import ROOT
from tests.tools.watching import node

DECLARATIONS = ROOT / "client" / "client.d.ts"
HEAD = "// What the server sends. Made from its OpenAPI document (python -m tests.tools.clienttypes).\n"
_ROOTS = ("Job", "Line")


def made() -> str:
    """The declarations with the types as they are made today."""
    written, _, _ = DECLARATIONS.read_text("utf-8").partition("\n" + HEAD)
    return f"{written}\n{HEAD}\n{_types()}"


def _types() -> str:
    script = str(Path(__file__).with_suffix(".mjs"))
    done = subprocess.run(
        [node(), script],
        input=json.dumps(_schema()),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=ROOT,
    )
    return done.stdout


def _schema() -> dict[str, Any]:
    """A schema that has all types: a job, and a line as events and lists bring it."""
    named = schemas()
    line = named["LogEvent"]["properties"]
    own = {name: line[name] for name in named["LogLine"]["properties"]} | {"replace": line["replace"]}
    named["Line"] = named["LogLine"] | {"properties": own}
    text = json.dumps(
        {"properties": {root: {"$ref": f"#/components/schemas/{root}"} for root in _ROOTS}, "$defs": named}
    )
    schema: dict[str, Any] = json.loads(text.replace("#/components/schemas/", "#/$defs/"))
    return schema


if __name__ == "__main__":
    DECLARATIONS.write_text(made(), "utf-8")

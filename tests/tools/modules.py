"""The pages' modules in Node, without a browser: those that touch no document."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from chef.pages.constants import constants
from tests.tools.serving import ROOT
from tests.tools.watching import node


def run(script: str, value: Any = None, page_constants: dict[str, Any] | None = None) -> Any:
    """The result of the script's `answer`, a function of `value`.

    The modules see the constants that a page carries, or those that are given.
    """
    text = f"{script}\nprocess.stdout.write(JSON.stringify(await answer({json.dumps(value)})));"
    done = subprocess.run(
        [node(), "--import", "./tests/tools/page_modules.mjs", "--input-type=module", "-e", text],
        cwd=ROOT,
        env=os.environ | {"PAGE_CONSTANTS": json.dumps(page_constants or constants())},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

"""The pages' modules in Node, without a browser: those that touch no document.

One process serves a whole run, and gives each script a thread with modules of its own.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import threading
from functools import cache
from typing import Any

from chef.pages.constants import constants
from tests.tools.serving import ROOT
from tests.tools.watching import node

_TIMEOUT_S = 60
_LOOP = """
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";

function run({ script, constants }) {
  return new Promise((done) => {
    const module = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
    const env = { ...process.env, PAGE_CONSTANTS: constants };
    const thread = new Worker(module, { env, stdout: true });
    thread.stdout.pipe(process.stderr);
    thread.once("message", (value) => done({ value }));
    thread.once("error", (error) => done({ error: String(error?.stack ?? error) }));
    thread.once("exit", () => done({ error: "the script ended without an answer" }));
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await run(JSON.parse(line))) + "\\n");
}
"""
_ANSWER = """
import { parentPort as port } from "node:worker_threads";
port.postMessage(await answer(VALUE));
"""


def run(script: str, value: Any = None, page_constants: dict[str, Any] | None = None) -> Any:
    """The result of the script's `answer`, a function of `value`.

    The modules see the constants that a page carries, or those that are given.
    """
    text = script + _ANSWER.replace("VALUE", json.dumps(value))
    answer = _ask({"script": text, "constants": json.dumps(page_constants or constants())})
    assert "error" not in answer, answer["error"]
    return answer.get("value")


def _ask(question: dict[str, str]) -> dict[str, Any]:
    """A line to Node, and the line that it answers."""
    process = _node()
    assert process.stdin
    assert process.stdout
    watch = threading.Timer(_TIMEOUT_S, process.kill)
    watch.start()
    try:
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    finally:
        watch.cancel()
    answer: dict[str, Any] = json.loads(line) if line else {"error": "Node has ended"}
    return answer


@cache
def _node() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [node(), "--import", "./tests/tools/page_modules.mjs", "--input-type=module", "-e", _LOOP],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )

    def end() -> None:
        process.kill()
        process.communicate()

    atexit.register(end)
    return process

"""`python -m bench [NAME|all] [--quick]`: measure, print, write the page."""

from __future__ import annotations

import argparse
import os
from importlib import import_module

from bench import report
from bench.servers import DRIVER_CORE

NAMES = (
    "start",
    "post",
    "rates",
    "resume",
    "logs",
    "redraws",
    "history",
    "reports",
    "progress",
    "novelty",
    "lists",
    "page",
    "livelists",
    "reporter",
    "hostile",
    "delivery",
    "processes",
    "rolling",
    "reach",
    "clientpage",
    "notify",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="?", default="all", choices=[*NAMES, "all"])
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter runs; the page stays as it is"
    )
    given = parser.parse_args()
    os.sched_setaffinity(0, {DRIVER_CORE})
    for name in NAMES if given.name == "all" else [given.name]:
        tables = import_module(f"bench.{name}").run(quick=given.quick)
        command = f"python -m bench {name}{' --quick' if given.quick else ''}"
        report.show(name, tables, command, write=not given.quick)


if __name__ == "__main__":
    main()

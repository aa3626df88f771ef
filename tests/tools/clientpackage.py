"""The npm package chef-client: the files that a server serves, with what npm wants beside them.

`python -m tests.tools.clientpackage FOLDER` puts it together.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from chef.api import clientfiles
from tests.tools.serving import ROOT


def put_together(folder: Path) -> None:
    """Write the package into a folder, which is made if there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in clientfiles.NAMES:
        (folder / name).write_bytes(clientfiles.content(name))
    for path in (ROOT / "client" / "package.json", ROOT / "client" / "README.md", ROOT / "LICENSE"):
        shutil.copy(path, folder)


if __name__ == "__main__":
    put_together(Path(sys.argv[1]))

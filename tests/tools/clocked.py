"""`app.py` with a clock that is set by a file: builds that took minutes, made in a moment.

The file that CLOCK_FILE names holds milliseconds to be added to the time; it is read at every look at the
clock.
"""

from gevent import monkey

monkey.patch_all()

import functools  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import chef.application  # noqa: E402
from chef.domain.clock import now_ms  # noqa: E402
from chef.serve import main  # noqa: E402
from chef.settings.config import load_settings_or_exit  # noqa: E402


def shifted() -> int:
    """Now, as the file has it."""
    return now_ms() + int(Path(os.environ["CLOCK_FILE"]).read_text("ascii") or 0)


if __name__ == "__main__":
    vars(chef.application)["create_app"] = functools.partial(chef.application.create_app, clock=shifted)
    sys.exit(main(load_settings_or_exit()))

"""Chef's entrance: `python app.py` serves REST, pages and Socket.IO on one port."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402 - nothing may be imported before the patch (stack-traps 17)

from chef.serve import main  # noqa: E402
from chef.settings.config import load_settings_or_exit  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(load_settings_or_exit()))

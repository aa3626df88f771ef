"""Chef whose retention looks every ten seconds instead of once an hour."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

from chef.live.retention import Retention  # noqa: E402
from chef.serve import main  # noqa: E402
from chef.settings.config import load_settings_or_exit  # noqa: E402

Retention.__init__.__defaults__ = (10.0,)  # type: ignore[misc]
sys.exit(main(load_settings_or_exit()))

"""Defaults that follow from the platform that a server runs on.

Each platform has a router of its own before the server, and says in the environment that it is there.
Sources: the platforms' documentation of their variables and request headers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from chef.settings import checks

# Heroku's router ends a request of whose answer nothing has come within 30 seconds.
_HEROKU_WAIT_S = 25


class Platform(NamedTuple):
    """A platform: the variable that tells it, and the header in which its router names the client.

    Without one it is the last entry of `X-Forwarded-For`. Others write more behind the client there, Fly the
    application's own address, Render and Railway the edge that was asked; their own header is always theirs.
    """

    variable: str
    client_header: str | None = None


PLATFORMS = (
    Platform("DYNO"),  # Heroku, Dokku
    Platform("RENDER", "CF-Connecting-IP"),
    Platform("FLY_APP_NAME", "Fly-Client-IP"),
    Platform("RAILWAY_PROJECT_ID", "X-Real-IP"),
    Platform("K_SERVICE"),  # Google Cloud Run
    Platform("WEBSITE_SITE_NAME"),  # Azure App Service
)

# Variables in which platforms say at which address people open the server, as a URL or the name of its host;
# where there are several, separated by commas, the first counts.
_ADDRESSES = (
    "RENDER_EXTERNAL_URL",
    "RAILWAY_PUBLIC_DOMAIN",
    "HEROKU_APP_DEFAULT_DOMAIN_NAME",
    "COOLIFY_URL",
    "COOLIFY_FQDN",
    "WEBSITE_HOSTNAME",  # Azure App Service
)


# What is there is gone after a restart, whatever it is mounted on.
_TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - only compared
_CODE = Path(__file__).parent


def wiped_disk(environ: Mapping[str, str], database_url: str) -> list[str]:
    """A sentence for a SQLite file on a disk that the platform wipes at each start.

    All of it is such a disk, but for volumes, which are mounts of their own.
    """
    variable = next((one.variable for one in PLATFORMS if environ.get(one.variable)), None)
    if variable is None or not database_url.startswith("sqlite:///"):
        return []
    file = Path(os.path.realpath(database_url.removeprefix("sqlite:///")))
    if not _is_wiped(file.parent):
        return []
    sentence = (
        f"DATABASE_URL names the SQLite file {file}, on a disk that this platform ({variable} is set) wipes "
        "at each start, and all jobs with it: set DATABASE_URL to a PostgreSQL database, or to a file on a "
        "volume."
    )
    return [sentence]


def _is_wiped(folder: Path) -> bool:
    if any(folder.is_relative_to(place) for place in _TEMPORARY):
        return True
    try:
        mount = folder.stat().st_dev
        return mount in (Path("/").stat().st_dev, _CODE.stat().st_dev)
    except OSError:
        return False


def platform_defaults(environ: Mapping[str, str]) -> dict[str, Any]:
    """Values of settings, by their field, that the platform asks for where an operator says nothing."""
    defaults: dict[str, Any] = {"max_wait": _HEROKU_WAIT_S} if "DYNO" in environ else {}
    defaults |= _address(environ)
    for platform in PLATFORMS:
        if environ.get(platform.variable):
            return defaults | {"trusted_proxies": 1, "client_header": platform.client_header}
    return defaults


def _address(environ: Mapping[str, str]) -> dict[str, str]:
    """The server's address, where the platform says one that can be used."""
    texts = [environ.get(name, "").partition(",")[0].strip() for name in _ADDRESSES]
    if environ.get("FLY_APP_NAME"):
        texts.append(f"{environ['FLY_APP_NAME']}.fly.dev")
    for text in filter(None, texts):
        with suppress(checks.Wrong):
            return {"url": checks.server_url(text if "://" in text else f"https://{text}")}
    return {}

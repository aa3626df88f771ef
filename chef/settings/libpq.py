"""What libpq, which connects to PostgreSQL, takes for a URL. Loaded with a PostgreSQL URL only.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
"""

from __future__ import annotations

import difflib
import re
from urllib.parse import unquote

from psycopg import ProgrammingError, pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from chef.settings.checks import Wrong

# libpq reads these as numbers only when it connects, the others before it does.
_NUMBERS = ("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count")
_NUMBER = re.compile(r"-?[0-9]{1,9}")
# No server listens there, so that an attempt to connect ends at once; libpq looks at all values before.
_NOWHERE = "/dev/null"
_LOOKED_AT_ALL = b"connection to server on socket"


def check(url: str) -> None:
    """Raise `Wrong` where libpq does not know a parameter of a URL, or does not take its value."""
    _check_names(url.partition("?")[2])
    try:
        parameters = conninfo_to_dict(url)
    except ProgrammingError:
        raise Wrong("cannot be read by libpq: it is postgresql://USER@HOST/NAME?PARAMETER=VALUE&…") from None
    for name in (*_NUMBERS, "tcp_user_timeout"):
        if not _NUMBER.fullmatch(str(parameters.get(name, "0")).strip()):
            raise Wrong(f"has a parameter {name} that is no whole number")
    somewhere = {name: value for name, value in parameters.items() if name not in ("hostaddr", "port")}
    attempt = pq.PGconn.connect_start(make_conninfo("", **(somewhere | {"host": _NOWHERE})).encode())
    message = attempt.error_message
    attempt.finish()
    if not message.startswith(_LOOKED_AT_ALL):
        raise Wrong(f"is refused by libpq: {message.decode(errors='replace').strip().splitlines()[0]}")


def _check_names(query: str) -> None:
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        name = unquote(name)
        # As JDBC's drivers have it: the one word that libpq takes besides its own.
        if name in known or (name, value) == ("ssl", "true"):
            continue
        nearest = difflib.get_close_matches(name, sorted(known), 1)
        hint = f", did you mean {nearest[0]}?" if nearest else ""
        raise Wrong(f"has the parameter {name[:40]!r}, which libpq does not know{hint}")

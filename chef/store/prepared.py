"""Statements of SQLAlchemy Core on a short way: compiled once, then handed to the driver as they are.

Core says what a statement is, once for both databases. What it does at each execution (its own look-up
of the compiled text, a context, processors for values, a result object) costs several times what SQLite
needs to run the statement; on the path of a POST that is most of the store's time. Types need no
processors there: integers, texts, floats and bytes are what both drivers take and give.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.exc import DBAPIError

Values = Mapping[str, Any]


def run_text(connection: Connection, text: str) -> None:
    """Execute a text without parameters."""
    _execute(connection, text, {})


def scalar_of_text(connection: Connection, text: str) -> Any:
    """The one value that a text without parameters asks for."""
    return _execute(connection, text, {}).fetchone()[0]


def commit(connection: Connection) -> None:
    """End a transaction that was begun without Core, whether or not Core was used within it."""
    if connection.in_transaction():
        connection.commit()
        return
    try:
        _driver(connection).commit()
    except Exception as error:
        raise _as_core_has_it(error, connection, "COMMIT") from error


def _driver(connection: Connection) -> Any:
    """The driver's own connection: of both drivers it executes statements by itself."""
    return connection.connection.dbapi_connection


def _as_core_has_it(error: Exception, connection: Connection, sql: str) -> Exception:
    """The driver's errors as SQLAlchemy's, which is what the rest of the store knows."""
    dialect = connection.dialect
    base = dialect.loaded_dbapi.Error
    if not isinstance(error, base):
        return error
    return DBAPIError.instance(sql, None, error, base, hide_parameters=True, dialect=dialect)


class Prepared:
    """One statement. `ids` is its expanding parameter, if it has one; the others are plain."""

    def __init__(self, statement: Executable) -> None:
        self._statement: Any = statement
        # By the dialect's name, the columns that are given, and how many ids: a handful each.
        self._texts: dict[tuple[object, ...], _Text] = {}

    def rows(self, connection: Connection, ids: Sequence[Any]) -> Sequence[Any]:
        """The rows that a query finds for its `ids`, as named tuples."""
        text = self._text(connection.dialect, (), ids)
        found: Sequence[Any] = _execute(connection, text.sql, _expanded(ids)).fetchall()
        return [text.row(*row) for row in found] if text.row else found

    def key(self, connection: Connection, values: Values) -> int:
        """Insert a row and return the key that the database gave it."""
        text = self._text(connection.dialect, tuple(values))
        return int(_execute(connection, text.sql, values).fetchone()[0])

    def run(self, connection: Connection, many: Sequence[Values]) -> None:
        """Insert or update a row for each of `many`, which all name the same columns."""
        text = self._text(connection.dialect, tuple(many[0]))
        if len(many) == 1:
            _execute(connection, text.sql, many[0])  # psycopg would begin a pipeline for it.
            return
        try:
            _driver(connection).cursor().executemany(text.sql, many)
        except Exception as error:
            raise _as_core_has_it(error, connection, text.sql) from error

    def _text(self, dialect: Dialect, columns: tuple[str, ...], ids: Sequence[Any] = ()) -> _Text:
        key = (dialect.name, columns, len(ids))
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = _Text(self._statement, dialect, columns, ids)
        return text


class _Text:
    """A statement as one driver takes it, and what its rows are called."""

    def __init__(
        self, statement: Any, dialect: Dialect, columns: tuple[str, ...], ids: Sequence[Any]
    ) -> None:
        options: dict[str, Any] = {"dialect": dialect}
        if columns:
            options["column_keys"] = columns
        if ids:
            statement = statement.params(ids=ids)
            options["compile_kwargs"] = {"render_postcompile": True}
        self.sql = str(statement.compile(**options))
        names = [column.name for column in getattr(statement, "selected_columns", ())]
        self.row: Any = namedtuple("Row", names) if names else None


def _execute(connection: Connection, sql: str, values: Values) -> Any:
    try:
        return _driver(connection).execute(sql, values)
    except Exception as error:
        raise _as_core_has_it(error, connection, sql) from error


def _expanded(ids: Sequence[Any]) -> dict[str, Any]:
    """The names that SQLAlchemy gives to the single values of an expanding parameter."""
    values: dict[str, Any] = {}
    for number, value in enumerate(ids, 1):
        if isinstance(value, tuple):
            values.update({f"ids_{number}_{part}": one for part, one in enumerate(value, 1)})
        else:
            values[f"ids_{number}"] = value
    return values

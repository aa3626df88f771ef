"""Statements of SQLAlchemy Core on a short way: compiled once, then handed to the driver as they are.

Core says what a statement is, once for both databases. What it does at each execution (its own look-up
of the compiled text, a context, processors for values, a result object) costs several times what SQLite
needs to run the statement; on the path of a POST that is most of the store's time. Types need no
processors there: integers, texts, floats and bytes are what both drivers take and give.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.exc import DBAPIError

Values = Mapping[str, Any]


def run_text(connection: Connection, text: str) -> None:
    """Execute a text without parameters."""
    with _driver_errors(connection, text):
        connection.connection.cursor().execute(text)


class Prepared:
    """One statement. `ids` is its expanding parameter, if it has one; the others are plain."""

    def __init__(self, statement: Executable) -> None:
        self._statement: Any = statement
        # By the dialect's name, the columns that are given, and how many ids: a handful each.
        self._texts: dict[tuple[object, ...], _Text] = {}

    def rows(self, connection: Connection, ids: Sequence[Any]) -> Sequence[Any]:
        """The rows that a query finds for its `ids`, as named tuples."""
        text = self._text(connection.dialect, (), ids)
        found: Sequence[Any] = self._execute(connection, text, {"ids": ids}).fetchall()
        return [text.row(*row) for row in found] if text.row else found

    def key(self, connection: Connection, values: Values) -> int:
        """Insert a row and return the key that the database gave it."""
        text = self._text(connection.dialect, tuple(values))
        return int(self._execute(connection, text, values).fetchone()[0])

    def run(self, connection: Connection, many: Sequence[Values]) -> None:
        """Insert or update a row for each of `many`, which all name the same columns."""
        text = self._text(connection.dialect, tuple(many[0]))
        if len(many) == 1:
            self._execute(connection, text, many[0])  # psycopg would begin a pipeline for it.
            return
        with _driver_errors(connection, text.sql):
            connection.connection.cursor().executemany(text.sql, [text.arguments(one) for one in many])

    def _execute(self, connection: Connection, text: _Text, values: Values) -> Any:
        cursor = connection.connection.cursor()
        with _driver_errors(connection, text.sql):
            cursor.execute(text.sql, text.arguments(values))
        return cursor

    def _text(self, dialect: Dialect, columns: tuple[str, ...], ids: Sequence[Any] = ()) -> _Text:
        key = (dialect.name, columns, len(ids))
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = _Text(self._statement, dialect, columns, ids)
        return text


class _Text:
    """A statement as one driver takes it: its SQL, and how its arguments are given."""

    def __init__(
        self, statement: Any, dialect: Dialect, columns: tuple[str, ...], ids: Sequence[Any]
    ) -> None:
        options: dict[str, Any] = {"dialect": dialect}
        if columns:
            options["column_keys"] = columns
        if ids:
            statement = statement.params(ids=ids)
            options["compile_kwargs"] = {"render_postcompile": True}
        compiled = statement.compile(**options)
        self.sql = str(compiled)
        self._positions: Sequence[str] | None = compiled.positiontup
        names = [column.name for column in getattr(statement, "selected_columns", ())]
        self.row: Any = namedtuple("Row", names) if names else None

    def arguments(self, values: Values) -> Any:
        """The values as the driver takes them: in order, or by name."""
        if "ids" in values:
            values = dict(_expanded(values["ids"]))
        if self._positions is None:
            return values
        return [values[name] for name in self._positions]


def _expanded(ids: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """The names that SQLAlchemy gives to the single values of an expanding parameter."""
    for number, value in enumerate(ids, 1):
        if isinstance(value, tuple):
            yield from ((f"ids_{number}_{part}", one) for part, one in enumerate(value, 1))
        else:
            yield f"ids_{number}", value


class _driver_errors:  # noqa: N801 - used as a function; a generator would cost as much as a statement
    """The driver's errors as SQLAlchemy's, which is what the rest of the store knows."""

    __slots__ = ("_connection", "_sql")

    def __init__(self, connection: Connection, sql: str) -> None:
        self._connection = connection
        self._sql = sql

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        dialect = self._connection.dialect
        base = dialect.loaded_dbapi.Error
        if isinstance(error, base):
            raise DBAPIError.instance(
                self._sql, None, error, base, hide_parameters=True, dialect=dialect
            ) from error

"""Statements of SQLAlchemy Core compiled once, then handed to the driver as they are.

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


class Driver:
    """A connection's driver without Core. Both drivers' connections execute statements by themselves."""

    __slots__ = ("dialect", "raw")

    def __init__(self, connection: Connection) -> None:
        self.dialect = connection.dialect
        self.raw: Any = connection.connection.dbapi_connection

    def execute(self, sql: str, values: Values | None = None) -> Any:
        """Execute a statement; returns the driver's cursor."""
        try:
            return self.raw.execute(sql, values) if values else self.raw.execute(sql)
        except Exception as error:
            raise self._as_core_has_it(error, sql) from error

    def execute_many(self, sql: str, many: Sequence[Values]) -> Any:
        """Execute a statement for each of some values; returns the driver's cursor."""
        cursor = self.raw.cursor()
        try:
            cursor.executemany(sql, many)
        except Exception as error:
            raise self._as_core_has_it(error, sql) from error
        return cursor

    def commit(self) -> None:
        """Commit what was begun, here or by Core."""
        try:
            self.raw.commit()
        except Exception as error:
            raise self._as_core_has_it(error, "COMMIT") from error

    def _as_core_has_it(self, error: Exception, sql: str) -> Exception:
        """The driver's errors as SQLAlchemy's, which is what the rest of the store knows."""
        base = self.dialect.loaded_dbapi.Error
        if not isinstance(error, base):
            return error
        return DBAPIError.instance(sql, None, error, base, hide_parameters=True, dialect=self.dialect)


class CompiledStatement:
    """One statement. `ids` is its expanding parameter, if it has one; the others are plain."""

    def __init__(self, statement: Executable) -> None:
        self._statement: Any = statement
        # By the dialect's name, the columns that are given, and how many ids: a handful each.
        self._texts: dict[tuple[object, ...], _Text] = {}

    def rows(self, driver: Driver, ids: Sequence[Any]) -> Sequence[Any]:
        """The rows that a query finds for its `ids`, as named tuples."""
        text = self._text(driver.dialect, (), ids)
        found: Sequence[Any] = driver.execute(text.sql, _expanded(ids)).fetchall()
        return [text.row(*row) for row in found] if text.row else found

    def key(self, driver: Driver, values: Values) -> int:
        """Insert a row and return the key that the database gave it."""
        text = self._text(driver.dialect, tuple(values))
        return int(driver.execute(text.sql, values).fetchone()[0])

    def run(self, driver: Driver, many: Sequence[Values]) -> int:
        """Insert or update a row for each of `many`, which all name the same columns.

        Returns how many rows that were.
        """
        sql = self._text(driver.dialect, tuple(many[0])).sql
        # For one row psycopg would begin a pipeline.
        cursor = driver.execute(sql, many[0]) if len(many) == 1 else driver.execute_many(sql, many)
        return int(cursor.rowcount)

    def _text(self, dialect: Dialect, columns: tuple[str, ...], ids: Sequence[Any] = ()) -> _Text:
        key = (dialect.name, columns, len(ids) if ids else 0)
        try:
            return self._texts[key]
        except KeyError:
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


def _expanded(ids: Sequence[Any]) -> dict[str, Any]:
    """The names that SQLAlchemy gives to the single values of an expanding parameter."""
    values: dict[str, Any] = {}
    for number, value in enumerate(ids, 1):
        if isinstance(value, tuple):
            values.update({f"ids_{number}_{part}": one for part, one in enumerate(value, 1)})
        else:
            values[f"ids_{number}"] = value
    return values

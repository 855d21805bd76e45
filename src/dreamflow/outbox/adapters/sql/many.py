"""Many rows in one statement, for the tables that are written to all day long.

SQLAlchemy's own way costs more than the database's share of the work: it looks at every value of every row. Here rows
go to SQLite's driver as they are, and to PostgreSQL as one JSON document.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import JSON, Connection, Dialect, Table, text

encode: Final = json.JSONEncoder(separators=(",", ":"), default=datetime.isoformat, check_circular=False).encode
"""JSON without blanks; a time as ISO 8601. What holds itself has no end here."""

Row = Mapping[str, Any]


def insert_many(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, in their order.

    Args:
        connection: of a transaction.
        table: where.
        rows: values by column, all of them with the same columns; the others get their defaults. A JSON column is given
            what it is to say, and a time an aware datetime.
    """
    if not rows:
        return
    columns = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        # A document goes as text: what is escaped in it stays so.
        texts = [name for name in columns if isinstance(table.c[name].type, JSON)]
        document = [{**row, **{name: encode(row[name]) for name in texts}} for row in rows]
        connection.execute(text(_from_a_document(table, columns, connection.dialect)), {"rows": encode(document)})
        return
    values = [list(row.values()) for row in rows]
    for place, process in _processors(table, columns, connection.dialect):
        for row in values:
            row[place] = process(row[place])
    connection.exec_driver_sql(_by_place(table, columns), list(map(tuple, values)))


@cache
def _by_place(table: Table, columns: tuple[str, ...]) -> str:
    places = ", ".join("?" * len(columns))
    return f"INSERT INTO {table.name} ({_names(columns)}) VALUES ({places})"  # noqa: S608 - names of our own


@cache
def _processors(table: Table, columns: tuple[str, ...], dialect: Dialect) -> Sequence[tuple[int, Callable[[Any], Any]]]:
    """What has to be done to values before the driver gets them, by their places."""
    found: list[tuple[int, Callable[[Any], Any]]] = []
    for place, name in enumerate(columns):
        type_ = table.c[name].type
        process = encode if isinstance(type_, JSON) else type_.dialect_impl(dialect).bind_processor(dialect)
        if process is not None:
            found.append((place, process))
    return found


@cache
def _from_a_document(table: Table, columns: tuple[str, ...], dialect: Dialect) -> str:
    types = {name: table.c[name].type for name in columns}
    typed = ", ".join(
        f'"{name}" {"text" if isinstance(type_, JSON) else type_.compile(dialect)}' for name, type_ in types.items()
    )
    values = ", ".join(
        f'CAST("{name}" AS json)' if isinstance(type_, JSON) else f'"{name}"' for name, type_ in types.items()
    )
    given = f"json_to_recordset(CAST(:rows AS json)) AS given({typed})"
    return f"INSERT INTO {table.name} ({_names(columns)}) SELECT {values} FROM {given}"  # noqa: S608 - names of our own


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)

"""docs/tables.md, made from what the database says of itself.

To make it again: `python -m sluice.store.document URL > docs/tables.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from sqlalchemy import Connection, Engine, Row, text

from sluice.store.engine import engine_for, reading

HEAD = """# Tables and views

Made by `python -m sluice.store.document`; a test holds it equal to the schema. Times are `timestamptz`, durations
seconds, sizes bytes. Read through the views: tables change with the schema, the columns of a view stay. The role
`sluice_reader` may read everything and write nothing, and ends a statement after 60 s; `sluice sql` logs in as it. In
an outside Postgres: `CREATE ROLE ada LOGIN PASSWORD '…' IN ROLE sluice_reader`; SLUICE_READER_URL names that login.

`sluice up` brings the schema up to date. The big tables are split by month. The months to come are made by `sluice up`,
by the services and by a run that finds one missing; `SLUICE_KEEP_DAYS` (default 400) days after its end a month is
dropped whole, by the services or at once by `sluice clean`. Runs, executions, coverage and roll-ups stay.
"""
RELATIONS = """
SELECT c.oid, c.relname AS name, obj_description(c.oid, 'pg_class') AS comment, pg_get_partkeydef(c.oid) AS split_by
FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND c.relname <> 'alembic_version'
AND c.relkind = ANY(:kinds) ORDER BY c.relname
"""
COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS needed,
       col_description(a.attrelid, a.attnum) AS comment,
       EXISTS (SELECT FROM pg_index i
               WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY(i.indkey)) AS key,
       (SELECT r.relname FROM pg_constraint k JOIN pg_class r ON r.oid = k.confrelid
        WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND a.attnum = ANY(k.conkey)
        ORDER BY k.conname LIMIT 1) AS refers
FROM pg_attribute a WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
SHORT = {"timestamp with time zone": "timestamptz", "double precision": "double"}


def render(engine: Engine) -> str:
    """Return the whole document for the schema of this database."""
    with reading(engine) as connection:
        views = [_view(connection, row) for row in _relations(connection, "v")]
        tables = [_table(connection, row) for row in _relations(connection, "rp")]
    return "\n".join([HEAD, "## Views\n", *views, "## Tables\n", *tables]).rstrip() + "\n"


def _relations(connection: Connection, kinds: str) -> Iterable[Row[tuple[object, ...]]]:
    return connection.execute(text(RELATIONS), {"kinds": list(kinds)}).all()


def _columns(connection: Connection, oid: int) -> Iterable[Row[tuple[object, ...]]]:
    return connection.execute(text(COLUMNS), {"oid": oid}).all()


def _view(connection: Connection, view: Row[tuple[object, ...]]) -> str:
    names = ", ".join(f"`{column.name}`" for column in _columns(connection, view.oid))
    return f"### `{view.name}`\n\n{view.comment}\n\n{names}\n"


def _table(connection: Connection, table: Row[tuple[object, ...]]) -> str:
    lines = [f"### `{table.name}`\n", f"{table.comment}\n", "| column | type | | what it is |", "|---|---|---|---|"]
    for column in _columns(connection, table.oid):
        kind = SHORT.get(column.type, column.type)
        marks = ["key"] if column.key else [] if column.needed else ["may be empty"]
        marks += [f"→ `{column.refers}`"] if column.refers else []
        lines.append(f"| `{column.name}` | {kind} | {', '.join(marks)} | {column.comment} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render(engine_for(sys.argv[1])))

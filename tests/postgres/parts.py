"""What the tests of the store say again and again."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, text

from sluice.store.runs import RunStore

PROJECT = "greeter"


def a_run(engine: Engine, **fields: Any) -> str:
    """Open and start a run of the project; return its id."""
    known: dict[str, Any] = {
        "project": PROJECT,
        "repository": "/srv/code/greeter",
        "requested_ref": "main",
        "trigger": "cli",
        "requested_by": "ada",
    }
    store = RunStore(engine)
    run_id = store.open_run(str(uuid4()), **known | fields)
    store.start_run(run_id, owner="host:1")
    return run_id


def rows(engine: Engine, query: str, **values: Any) -> list[tuple[Any, ...]]:
    """Return what a query finds."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def one(engine: Engine, query: str, **values: Any) -> Any:
    """Return the only value that a query finds."""
    ((value,),) = rows(engine, query, **values)
    return value


def execute(engine: Engine, statement: str, **values: Any) -> None:
    """Run a statement in a transaction of its own."""
    with engine.begin() as connection:
        connection.execute(text(statement), values)

"""What the warm process has in memory before it forks."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from functools import partial

PRELOADED = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.main",
    # What a flow run would import on its way: found by comparing sys.modules before and after one.
    "anyio._backends._asyncio",
    "prefect._internal.states",
    "prefect.concurrency._sync",
    "prefect.utilities.visualization",
    "prefect.cli.deploy",
    "prefect.cli.block",
    "prefect.cli.flow_run",
    "great_expectations",
    "pandas",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sluice.services.quick_flow",
    "sluice.services.reconcile",
    "sluice.services.lifecycle",
    "sluice.store.journal",
    "sluice.store.read",
    "sluice.tools.git",
    # What the command line needs; not its own modules, whose consoles look at the terminal when they are imported.
    "typer",
    "rich.console",
    "rich.live",
    "rich.spinner",
    "rich.table",
    "httpx",
    "flows.pipeline",
    "flows.rollback",
    "flows.drift",
    "flows.rescan",
)
# Their classes are built when they are first used, which every flow run would do again: a tenth of a second in all.
MODELS = (
    "prefect.client.schemas.objects",
    "prefect.client.schemas.actions",
    "prefect.client.schemas.responses",
    "prefect.events.filters",
    "prefect.events.schemas.events",
    "prefect.artifacts",
)


def preload() -> None:
    """Import what flows need, build the contracts' suites and the classes of Prefect's client.

    What cannot be loaded is told, and each flow run will tell it again.
    """
    for name in PRELOADED:
        _load(name, partial(importlib.import_module, name))
    for name in MODELS:
        _load(f"the classes of {name}", partial(_build, name))
    _load("the tables", lambda: importlib.import_module("sqlalchemy.orm").configure_mappers())
    _load("the contracts' suites", lambda: importlib.import_module("data_checks").preload())
    sys.stderr.flush()


def _load(name: str, load: Callable[[], object]) -> None:
    try:
        load()
    except ModuleNotFoundError as error:
        sys.stderr.write(f"not preloaded: {name}: {error}\n")
    except Exception:  # noqa: BLE001 - broad: a broken module must not stop the flows that do not need it
        sys.stderr.write(f"not preloaded: {name}\n{traceback.format_exc()}")


def _build(name: str) -> None:
    from pydantic import BaseModel

    own = [found for found in vars(importlib.import_module(name)).values() if getattr(found, "__module__", "") == name]
    for found in own:
        if isinstance(found, type) and issubclass(found, BaseModel) and not found.__pydantic_complete__:
            found.model_rebuild(raise_errors=False)

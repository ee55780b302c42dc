"""One stack for all end-to-end tests, and the `sluice` command on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sluice.services.addresses import load
from sluice.settings import Settings
from sluice.store.engine import engine_for
from tests.flows.command_line import CommandLine
from tests.stack import running_stack, stack

__all__ = ["running_stack", "stack"]


@pytest.fixture(scope="session")
def tables(running_stack: Settings) -> Iterator[Engine]:
    """Sluice's own database."""
    engine = engine_for(load(running_stack).database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sluice(stack: Settings, tables: Engine, tmp_path: Path) -> CommandLine:
    """The command, as a person types it in a folder that is no repository."""
    return CommandLine(stack, tables, tmp_path)


@pytest.fixture(scope="module")
def shared(running_stack: Settings, tables: Engine, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command for what several tests of a module look at."""
    return CommandLine(running_stack, tables, tmp_path_factory.mktemp("shared"))

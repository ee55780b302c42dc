"""The command line knows which group each command is in."""

from __future__ import annotations

from importlib import import_module

import pytest
import typer

from sluice.cli.main import GROUPS, PANELS


@pytest.mark.parametrize("group", GROUPS)
def test_group_has_exactly_the_commands_that_it_is_asked_for(group: str) -> None:
    app = typer.Typer()
    import_module(f"sluice.cli.{group}").register(app)
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    names |= {str(inner.name) for inner in app.registered_groups}
    assert names == set(GROUPS[group])


def test_each_command_has_one_place_in_the_help() -> None:
    placed = [name for names in PANELS.values() for name in names]
    assert len(placed) == len(set(placed))
    assert {name for names in GROUPS.values() for name in names} <= set(placed)

"""Checks across the keys of an environment's `migrate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sluice.config.explain import dotted
from sluice.config.problems import Path
from sluice.config.shapes import table


def migration_problems(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """A migration that can be taken back says how; one that cannot has no use for `down`."""
    for name in table(data, "environments"):
        environment = table(data, "environments", name)
        migrate = table(environment, "migrate")
        path: Path = ("environments", name, "migrate")
        if migrate.get("reversible") is True and not migrate.get("down"):
            yield path, f"{dotted(path)}: key 'down' is missing; `reversible` needs the command that goes back"
        if migrate.get("down") and migrate.get("reversible") is not True:
            yield (*path, "down"), f"{dotted(path)}.down: would never be used without `reversible: true`; remove one"
        if migrate.get("restore") and migrate.get("reversible"):
            yield (*path, "restore"), f"{dotted(path)}.restore: `down` takes it back already; remove one"
        if migrate.get("variable", "DATABASE_URL") in table(environment, "variables"):
            yield path, f"{dotted(path)}.variable: is in `variables` too; an address with a password is a secret"

"""The look at all that serves, with what `sluice up` started."""

from __future__ import annotations

from collections.abc import Callable

from sluice.records.rescan import Rescan
from sluice.settings import Settings
from sluice.stages.rescan import rescan


def rescan_all(log: Callable[[str], None]) -> tuple[Rescan, ...]:
    """Look at each environment's release and write what was found."""
    from sluice.database import database
    from sluice.store.rescans import keep, served

    looks = []
    for each in served(database()):
        looks.append(rescan(each, Settings(), log))
        keep(database(), looks[-1])
    return tuple(looks)

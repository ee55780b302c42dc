"""The processor time that a release has used, where its load is measured."""

from __future__ import annotations

from sluice.busy import spent_by
from sluice.errors import SluiceError
from sluice.records.smoke import Copies


def spent(copies: Copies) -> float | None:
    """Return the processor seconds of all copies so far, as far as this machine gave them; None: nobody knows.

    Containers of an engine on this machine are its engine's to count. One that is reached through a network is on
    another machine: whatever a release burns there, it is not what makes this one busy.
    """
    if copies.docker is None:
        return spent_by(copies.pids) if copies.pids else None
    if not copies.docker.engine.startswith("unix:"):
        return 0.0
    from sluice.targets.docker_engine import Engine  # its client library takes long to import

    try:
        engine = Engine(copies.docker)
        return sum(engine.processor_seconds(name) for name in copies.names) or None
    except SluiceError:
        return None

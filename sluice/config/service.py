"""How a release is started."""

from __future__ import annotations

from pydantic import Field

from sluice.config.declared import Declared
from sluice.config.texts import HttpPath, Variable
from sluice.config.units import Duration


class Service(Declared):
    """How a release is started: needed for every deploy."""

    command: tuple[str, ...] = Field(
        default=(),
        description="Command as a list of words; `{port}` is replaced. An image's own counts when left out.",
    )
    port_variable: Variable = Field(default="PORT", description="Variable that holds the port to listen on.")
    health: HttpPath = Field(default="/healthz", description="Path that answers 200 when the service can serve.")
    reads_data: tuple[str, ...] = Field(
        default=(),
        description="Command that exits 0 when this release can read the data as it is, e.g. `[alembic, check]`; "
        "asked before a rollback to it.",
    )
    start_timeout: Duration = Field(default=30.0, description="A replica not healthy by then is bad.")
    drain_timeout: Duration = Field(default=10.0, description="How long open requests may take when a replica leaves.")
    stop_timeout: Duration = Field(default=10.0, description="Between TERM and KILL.")

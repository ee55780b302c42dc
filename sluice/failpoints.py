"""Places where a test kills the process on purpose: before a step, between its effect and its row, after its row.

`SLUICE_FAILPOINT=switch:effect:kill` ends this process with SIGKILL at that place, and only where
`SLUICE_ALLOW_FAILPOINTS=1` says that dying is wanted.
"""

from __future__ import annotations

import os
import signal
from typing import Literal

from sluice.errors import UsageError

Moment = Literal["before", "effect", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "effect", "after")
VARIABLE = "SLUICE_FAILPOINT"
PERMISSION = "SLUICE_ALLOW_FAILPOINTS"


def reach(step: str, moment: Moment) -> None:
    """Die here when the environment asks for it; do nothing otherwise.

    Raises:
        UsageError: `FAILPOINT`: set without permission, or not of the form step:moment:kill.
    """
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    if os.environ.get(PERMISSION) != "1":
        raise UsageError(
            f"{VARIABLE} is set, and failpoints are not allowed here",
            code="FAILPOINT",
            found=wanted,
            next_step=f"Unset {VARIABLE}; only tests set {PERMISSION}=1.",
        )
    name, _, rest = wanted.partition(":")
    when, _, action = rest.partition(":")
    if when not in MOMENTS or action != "kill":
        raise UsageError(
            f"{VARIABLE} is wrong", code="FAILPOINT", found=wanted, allowed="step:before|effect|after:kill"
        )
    if (name, when) == (step, moment):
        os.kill(os.getpid(), signal.SIGKILL)

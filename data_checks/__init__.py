"""The contracts at the stage boundaries: the only room that imports Great Expectations, and only when it is needed."""

from __future__ import annotations

from typing import Any

from sluice.states import StageName


def contracts() -> dict[StageName, Any]:
    """Return the contract of each of the seven boundaries, in the order of a run (`Contract[the stage's record]`)."""
    from data_checks import (
        after_build,
        after_checkout,
        after_deploy,
        after_rollback,
        after_scan,
        after_smoke,
        after_tests,
    )

    modules = (after_checkout, after_tests, after_build, after_scan, after_deploy, after_smoke, after_rollback)
    return {module.CONTRACT.stage: module.CONTRACT for module in modules}


def preload() -> None:
    """Import Great Expectations and build every suite: seconds when cold; starts no thread, so a fork may follow."""
    for contract in contracts().values():
        contract.preload()

"""The proof that a release answers well: what its smoke section declares, or its health where it declares nothing."""

from __future__ import annotations

from sluice.records.smoke import SmokeCheck
from sluice.stages.deploy_site import Kept
from sluice.stages.smoke import validate


def prove(address: str, kept: Kept) -> tuple[SmokeCheck, ...]:
    """Return the checks of `kept` at `address`; there is always one at least."""
    smoke = kept.smoke.or_health(kept.service)
    return validate(address, kept.release, smoke, replicas=kept.declaration.replicas)

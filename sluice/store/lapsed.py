"""Results that were accepted only by a waiver whose last day has passed: they stand no longer."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists

from sluice.states import WaiverEffect
from sluice.store.leases import today
from sluice.store.tables.evidence import CheckWaiver
from sluice.store.tables.runs import StageRun


def lapsed() -> ColumnElement[bool]:
    """Tell of a stage run whether a waiver that lowered a stop of it, or of the one whose result it reuses, is over."""
    either = CheckWaiver.stage_run_id.in_((StageRun.id, StageRun.reused_from))
    lowered = CheckWaiver.effect == WaiverEffect.LOWERED.value
    return exists().where(either, lowered, CheckWaiver.expires < today())

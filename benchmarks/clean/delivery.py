"""What happens to a green run's release: put aside, tried, taken over; withdrawn when it is bad; gone back from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.clean.records_served import ServedRecords
from benchmarks.clean.serving import Environment
from sluice.records.common import StageRecord
from sluice.stages.deploy_canary_judge import BETTER

Pass = Callable[..., str]  # takes a record through its boundary; returns the stage's run
Known = dict[str, Any]


class Delivery:
    """The environments of a project. Whatever happens in them is honest, good news or bad."""

    def __init__(self, places: tuple[Environment, ...], through: Pass, worse: Callable[[str], None]) -> None:
        """Take records through their boundaries by `through`; tell `worse` of a canary that was called worse."""
        self.places = places
        self._through, self._worse = through, worse

    def change(self) -> None:
        """Let a commit change how quickly the service answers."""
        for place in self.places:
            place.change()

    def release(self, records: ServedRecords, place: Environment, known: Known) -> bool:
        """Put the run's release into an environment; return whether it serves there."""
        draw = place.random
        deployed = records.deploy(place, len(self.places))
        stage = self._pass(records, deployed, known, replicas=place.replicas)
        smoked = records.smoke(place, bad=draw.random() < 0.04)
        self._pass(records, smoked, known)
        steps = self._canary(records, place) if smoked.passed else None
        if steps is None:
            self._pass(records, records.withdrawn(place), known)
            return False
        over = records.took_over(deployed, *steps)
        self._pass(records, over, known, replicas=place.replicas, stage=stage)
        place.serves(records.release)
        before = place.before()
        if before is not None and draw.random() < 0.04:  # somebody goes back by hand
            self._pass(records, records.went_back(place, before), known)
            place.good.pop()  # it is fenced
            place.serves(before)
        return True

    def again(self, records: ServedRecords, place: Environment, known: Known) -> None:
        """Ask for what serves once more: it is looked at and asked, and nothing is changed."""
        self._pass(records, records.still(place, len(self.places)), known, replicas=place.replicas)
        self._pass(records, records.smoke(place, new=False), known)

    def _canary(self, records: ServedRecords, place: Environment) -> tuple[str, ...] | None:
        """Return the names of the steps by which it took over; None when one of them found it worse."""
        if not place.site.users or place.serving is None:
            return ()
        steps = place.canary(records.machine.slow)
        for step in steps:
            if step.verdict != BETTER:
                self._worse(f"canary of {step.weight} %: {step.verdict}: {step.reason}")
                return None
        return tuple(f"canary-{step.weight}" for step in steps)

    def _pass(self, records: ServedRecords, record: StageRecord, known: Known, **more: Any) -> str:
        return self._through(records, record, **known, **more)

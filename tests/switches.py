"""Switches and rollbacks of containers under an open-loop load, and what it saw of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sluice.records.deploy import Step
from tests.docker_city import DockerCity
from tests.k6_load import Answer, K6Load, breathe, percentile

BEFORE = timedelta(seconds=5)
AROUND = timedelta(seconds=1)  # so that a switch, which takes 0.1 s, has a percentile


@dataclass(frozen=True)
class Switch:
    """One release that took over: the figures of the load around its switch, and of its whole move."""

    kind: str
    requests: int
    failed: int
    before: float
    during: float
    whole: float

    @property
    def slower(self) -> float:
        """How many times the 99th percentile before the move that of the switch is."""
        return self.during / self.before


def switched(city: DockerCity, folder: Path, rounds: int, rate: int = 100) -> tuple[list[Switch], K6Load]:
    """Let a release take over and go back to the one before, so often; return the figures of every move."""
    moves: list[tuple[str, datetime, tuple[Step, ...], datetime]] = []
    one, two = city.images.release("one"), city.images.release("two")
    city.release(one)
    with K6Load(city.url, folder, rate) as load:
        for number in range(rounds):
            breathe(BEFORE.total_seconds())
            city.open_run()
            if number % 2:
                record = city.rollback(to=one.digest)
                city.forget_fences()
                moves.append(("rollback", record.started_at, record.steps, record.ended_at))
            else:
                made = city.release(two)
                moves.append(("switch", made.started_at, made.steps, made.ended_at))
        breathe(AROUND.total_seconds())
    return [_figures(load, *move) for move in moves], load


def _figures(load: K6Load, kind: str, began: datetime, steps: tuple[Step, ...], ended: datetime) -> Switch:
    at = {step.name: step for step in steps}
    quiet = load.between(began - BEFORE, began)
    near = load.between(at["switch"].started_at - AROUND, at["confirm"].ended_at + AROUND)
    whole: list[Answer] = load.between(began, ended)
    failed = sum(answer.failed for answer in whole)
    return Switch(kind, len(whole), failed, percentile(quiet), percentile(near), percentile(whole))

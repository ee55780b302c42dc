"""The machine that a run happens on: how busy it is, what its clocks say, and what reports make of the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sluice.stages.testing.report import earliest

ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Kiritimati", "Europe/Berlin")


@dataclass
class Machine:
    """What one run finds: everything takes `slow` times as long, and the clock was stepped back by `step` seconds."""

    random: Random
    now: datetime
    slow: float
    step: float
    zone: ZoneInfo

    @classmethod
    def at(cls, random: Random, now: datetime) -> Machine:
        """Return the machine as it is now: mostly quiet, at times busy, one time in twelve up to six times slower."""
        kind = random.choices(("quiet", "busy", "drowned"), weights=(70, 22, 8))[0]
        most = {"quiet": 1.25, "busy": 2.5, "drowned": 6.0}[kind]
        slow = random.uniform(2.5 if kind == "drowned" else 1.0, most)
        step = random.uniform(0.0, 1.0) if random.random() < 0.1 else 0.0
        return cls(random, now, slow, step, ZoneInfo(random.choice(ZONES)))

    def take(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds * self.slow)

    def tick(self) -> datetime:
        """Return what the clock says."""
        return self.now

    def step_back(self) -> None:
        """Let the time service put the clock right: once a run at most, and by a second at most."""
        self.now -= timedelta(seconds=self.step)
        self.step = 0.0

    def stamp(self, dialect: str, began: datetime, ended: datetime) -> datetime | None:
        """Return what the stage reads out of the time stamp that a runner of this dialect writes."""
        return earliest([stamp_text(dialect, began, self.zone)], began, ended)

    def file_time(self, moment: datetime) -> datetime:
        """Return a file's time: some file systems keep whole seconds, and the kernel's tick is coarse."""
        if self.random.random() < 0.1:
            return moment.replace(microsecond=0)
        return moment - timedelta(seconds=self.random.uniform(0, 0.004))


def stamp_text(dialect: str, moment: datetime, zone: ZoneInfo) -> str:
    """Return the time stamp of a report as its runner writes it."""
    local = moment.astimezone(zone)
    if dialect == "pytest":
        return local.isoformat()
    if dialect == "jest":
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if dialect == "unittest":
        return local.replace(tzinfo=None).isoformat(timespec="seconds")
    return ""


def durations(random: Random, tests: int, typical: float, slow: float) -> float:
    """Return the sum of so many durations, as reports write them: rounded to a thousandth of a second each."""
    return sum(round(min(30.0, random.lognormvariate(0.0, 0.8) * typical) * slow, 3) for _ in range(tests))

"""What every framework's runner answers."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sluice.stages.testing.coverage import CoveragePlan
from sluice.stages.testing.job import Job


class Runner(Protocol):
    """One framework."""

    @property
    def name(self) -> str:
        """Return the framework's name in `sluice.yaml`."""

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return what is installed beside the project's own dependencies; the project's own pins count."""

    @property
    def distribution(self) -> str:
        """Return the distribution whose version is the framework's; empty for none."""

    def command(self, job: Job, coverage: CoveragePlan) -> list[str]:
        """Return the words to run in the tree."""

    def reports(self, job: Job) -> tuple[Path, str]:
        """Return the folder that holds the JUnit files, and their name or glob in it."""

    def ids_are_unique(self) -> bool:
        """Tell whether the framework itself never gives two tests one id."""

"""Any other runner: the project's own command, and the JUnit XML that it writes."""

from __future__ import annotations

from pathlib import Path

from sluice.stages.testing.coverage import CoveragePlan
from sluice.stages.testing.job import Job


class Command:
    """`test.command` with `test.report`."""

    name = "command"
    requirements: tuple[str, ...] = ()
    distribution = ""

    def command(self, job: Job, coverage: CoveragePlan) -> list[str]:
        """Return the project's words. Coverage is the command's own matter (`test.coverage.report`)."""
        del coverage
        return [*job.request.config.command, *job.request.config.args]

    def reports(self, job: Job) -> tuple[Path, str]:
        """Return the declared name or glob in the workspace."""
        return job.tree, job.request.config.report or "junit.xml"

    def ids_are_unique(self) -> bool:
        """Nothing is known of it: node gives two tests of one name in two files the same id."""
        return False

"""Robot Framework with its own xUnit output."""

from __future__ import annotations

from pathlib import Path

from sluice.stages.testing.coverage import CoveragePlan
from sluice.stages.testing.files import part_of_files
from sluice.stages.testing.job import Job


class Robot:
    """`python -m robot`; without paths every suite below the project."""

    name = "robot"
    requirements = ("robotframework",)
    distribution = "robotframework"

    def command(self, job: Job, coverage: CoveragePlan) -> list[str]:
        """Return the words to run; a shard names its suite files."""
        config = job.request.config
        paths = part_of_files(job, "*.robot") if job.request.cell.shards > 1 else list(config.paths or (".",))
        options = ["--outputdir", str(job.out), "--xunit", job.report.name]
        return [str(job.python), *coverage.prefix, "-m", "robot", *options, *config.args, *paths]

    def reports(self, job: Job) -> tuple[Path, str]:
        """Return where Robot Framework was told to write."""
        return job.out, job.report.name

    def ids_are_unique(self) -> bool:
        """Two tests of one suite may have one name (Robot Framework warns)."""
        return False

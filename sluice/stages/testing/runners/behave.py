"""behave: one JUnit file a feature."""

from __future__ import annotations

from pathlib import Path

from sluice.stages.testing.coverage import CoveragePlan
from sluice.stages.testing.files import part_of_files
from sluice.stages.testing.job import Job


class Behave:
    """`python -m behave`."""

    name = "behave"
    requirements = ("behave",)
    distribution = "behave"

    def command(self, job: Job, coverage: CoveragePlan) -> list[str]:
        """Return the words to run; a shard names its feature files."""
        config = job.request.config
        paths = part_of_files(job, "*.feature") if job.request.cell.shards > 1 else list(config.paths)
        options = ["--junit", "--junit-directory", str(job.out / "features")]
        return [str(job.python), *coverage.prefix, "-m", "behave", *options, *config.args, *paths]

    def reports(self, job: Job) -> tuple[Path, str]:
        """Return the folder that behave fills."""
        return job.out, "features/*.xml"

    def ids_are_unique(self) -> bool:
        """Two scenarios of one feature may have one name."""
        return False

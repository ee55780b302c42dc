"""pytest, with its own JUnit report and a plugin that only watches."""

from __future__ import annotations

from pathlib import Path

from sluice.stages.testing.coverage import CoveragePlan
from sluice.stages.testing.job import Job


class Pytest:
    """`python -m pytest`, as a person runs it in the project's root."""

    name = "pytest"
    requirements = ("pytest",)
    distribution = "pytest"

    def command(self, job: Job, coverage: CoveragePlan) -> list[str]:
        """Return the words to run. xunit1 adds each test's file and line to the report."""
        job.send_agent("_sluice_pytest")
        config = job.request.config
        options = ["-p", "_sluice_pytest", f"--junitxml={job.report}", "-o", "junit_family=xunit1"]
        return [
            str(job.python),
            *coverage.prefix,
            "-m",
            "pytest",
            *options,
            *coverage.options,
            *config.args,
            *config.paths,
        ]

    def reports(self, job: Job) -> tuple[Path, str]:
        """Return where pytest was told to write."""
        return job.out, job.report.name

    def ids_are_unique(self) -> bool:
        """A node id stands for one test."""
        return True

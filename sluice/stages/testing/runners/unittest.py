"""unittest by its own main program; a recorder beside its own result writes the JUnit report."""

from __future__ import annotations

from pathlib import Path

from sluice.stages.testing.coverage import CoveragePlan
from sluice.stages.testing.job import Job

PATTERN = "test*.py"


class Unittest:
    """`python -m unittest`, discovery included.

    The report is our own: unittest-xml-reporting lists each failed subtest as a test and leaves out the test itself,
    so that its counts are not those of `Ran 5 tests`.
    """

    name = "unittest"
    requirements: tuple[str, ...] = ()
    distribution = ""

    def command(self, job: Job, coverage: CoveragePlan) -> list[str]:
        """Return the words to run: folders are discovered, files are loaded by name."""
        config = job.request.config
        folders = [path for path in config.paths if (job.tree / path).is_dir()]
        files = [path for path in config.paths if path not in folders]
        job.send_agent("_sluice_unittest", more_starts=folders[1:], pattern=_pattern(config.args))
        words = ["discover", "-s", folders[0], *config.args] if folders else [*config.args, *files]
        return [str(job.python), *coverage.prefix, "-m", "_sluice_unittest", *words]

    def reports(self, job: Job) -> tuple[Path, str]:
        """Return where the recorder writes."""
        return job.out, job.report.name

    def ids_are_unique(self) -> bool:
        """A dotted name stands for one test."""
        return True


def _pattern(args: tuple[str, ...]) -> str:
    """Return the discovery pattern that the arguments give."""
    for at, word in enumerate(args):
        if word in ("-p", "--pattern") and at + 1 < len(args):
            return args[at + 1]
        if word.startswith("--pattern="):
            return word.removeprefix("--pattern=")
    return PATTERN

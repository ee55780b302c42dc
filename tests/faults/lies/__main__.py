"""Tell every lie and every twin, and print what became of them; exit code 1 when one was not as promised.

Lies of images are told too where a Docker engine can be started: `dockerd` is there, and we are root. A document that
is named gets the table of what must become of them, when all of it did.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.faults.lies.all import promised, renew, table
from tests.faults.lies.of_images import OF_IMAGES

HERE = Path(__file__).parent


class Results:
    """What the tests showed: of a case what became of it, of an image whether its test passed."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a test's result."""
        test, _, name = report.nodeid.partition("[")
        if report.when == "call" and test.endswith("::test_told"):
            became = dict(report.user_properties).get("became", f"broke: {report.longreprtext.splitlines()[-1:]}")
            self.found[name.removesuffix("]")] = str(became)
        if test in promised() and (report.when == "call" or report.failed):
            before = self.found.get(test, promised()[test])
            self.found[test] = before if report.passed else "MISSED"


def main() -> int:
    """Run them; return the exit code."""
    images = sorted({test for each in OF_IMAGES for test in (each.test, each.twin_test)})
    has_engine = os.geteuid() == 0 and shutil.which("dockerd") and shutil.which("docker-registry")
    seen = Results()
    code = int(pytest.main(["-q", str(HERE / "test_told.py"), *(images if has_engine else ())], plugins=[seen]))
    sys.stdout.write(table(seen.found) + "\n")
    for name in sys.argv[1:] if not code else ():
        Path(name).write_text(renew(Path(name).read_text(), promised()))
    return code


if __name__ == "__main__":
    sys.exit(main())

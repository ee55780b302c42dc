"""Commits that are bad in one way each: the exit code names the way, and the first release serves on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.flows.clerk import Clerk
from tests.flows.command_line import CommandLine

pytestmark = pytest.mark.services

# AWS' own example pair is let through by scanners; these are of the same form and open nothing.
SECRET = "KEY = 'AKIA" + "Q3EGRZ7WNX5TYV2B'\n"
OPEN_SHELL = "import subprocess\n\n\ndef run(words):\n    subprocess.Popen(words, shell=True)\n"
UNREACHED = "echo SF:app.py; seq -f DA:%g,0 1 60; echo end_of_record"
PACKAGE = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "x"
version = "1"
"""


@dataclass(frozen=True)
class Bad:
    """How a commit is bad, and how its run must end."""

    exit_code: int
    state: str
    code: str
    ends_at: str
    stage_state: str
    change: Callable[[Clerk], dict[str, Any]]


BAD = {
    "red test": Bad(10, "failed", "TESTS_RED", "test", "failed", lambda _: {"red": True}),
    "report of no test": Bad(
        16,
        "rejected",
        "T01",
        "test",
        "rejected",
        lambda clerk: {
            "test": clerk.test(command=["sh", "-c", 'echo \'<testsuite name="x" tests="0"/>\' > report.xml'])
        },
    ),
    "no report": Bad(16, "rejected", "T01", "test", "rejected", lambda clerk: {"test": clerk.test(command=["true"])}),
    "no tests at all": Bad(16, "rejected", "T01", "test", "rejected", lambda _: {"test": None}),
    "change that no test reached": Bad(
        16,
        "rejected",
        "T13",
        "test",
        "rejected",
        lambda clerk: {
            "test": clerk.test(
                command=["sh", "-c", f"python3 check.py && ({UNREACHED}) > cov.info"],
                coverage={"report": "cov.info", "changed_lines": 80},
            )
        },
    ),
    "build": Bad(
        11,
        "failed",
        "BUILD_FAILED",
        "build",
        "failed",
        lambda _: {
            "test": {"skip": "only the build counts here"},
            "files": {"pyproject.toml": PACKAGE, "backend.py": "raise SystemExit('no build today')\n"},
        },
    ),
    "planted secret": Bad(16, "rejected", "B07", "build", "rejected", lambda _: {"files": {"settings.py": SECRET}}),
    "open shell": Bad(12, "failed", "FINDINGS", "scan", "failed", lambda _: {"files": {"shell.py": OPEN_SHELL}}),
    "never healthy": Bad(
        13,
        "failed",
        "NEVER_HEALTHY",
        "deploy",
        "failed",
        lambda clerk: {"broken": "health", "service": {**clerk.sections["service"], "start_timeout": "2s"}},
    ),
    "ends at once": Bad(
        13,
        "failed",
        "REPLICA",
        "deploy",
        "failed",
        lambda clerk: {"service": {**clerk.sections["service"], "command": ["python3", "nothing.py"]}},
    ),
    "program missing": Bad(
        13,
        "failed",
        "",
        "deploy",
        "failed",
        lambda clerk: {"service": {**clerk.sections["service"], "command": ["no-such-program"]}},
    ),
}


@dataclass(frozen=True)
class Served:
    """A project whose first commit serves."""

    clerk: Clerk
    first: str


@pytest.fixture(scope="module")
def served(shared: CommandLine) -> Served:
    clerk = Clerk(shared.folder, "badclerk")
    first = clerk.commit("Good")
    shared("run", clerk.path).ended(0)
    return Served(clerk, first)


@pytest.mark.parametrize("way", BAD)
def test_a_bad_commit_ends_by_name_and_the_first_release_serves_on(
    sluice: CommandLine, served: Served, way: str
) -> None:
    bad, clerk = BAD[way], served.clerk
    clerk.commit(way, **bad.change(clerk))
    done = sluice("run", clerk.path).ended(bad.exit_code)
    clerk.repository.git("checkout", "--quiet", "-B", "main", served.first)
    view, states = sluice.view(), sluice.states()
    assert (view.state, view.exit_code) == (bad.state, bad.exit_code)
    assert view.reason.startswith(bad.code)
    assert states[bad.ends_at] == bad.stage_state
    after = list(states)[list(states).index(bad.ends_at) + 1 :]
    assert {states[name] for name in after} <= {"skipped"}, "nothing runs after the stage that failed"
    assert bad.code in done.out
    sluice.serves(clerk.name, served.first)
    sluice.left_nothing(view.id, clerk.name)


def test_a_declared_skip_is_green_and_says_so(sluice: CommandLine, served: Served) -> None:
    clerk = served.clerk
    clerk.commit("Skip", test={"skip": "there is nothing to test here"}, deploy=[])
    done = sluice("run", clerk.path).ended(0)
    clerk.repository.git("checkout", "--quiet", "-B", "main", served.first)
    assert "skipped" in done.out
    assert sluice.states() == {"checkout": "passed", "test": "skipped", "build": "passed", "scan": "passed"}
    assert sluice.stages()["test"].headline == "there is nothing to test here"
    assert [check.status for check in sluice.stages()["test"].checks if check.code == "T01"] == ["passed"]

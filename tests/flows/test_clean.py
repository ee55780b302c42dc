"""`sluice clean` on the real stack: what serves, what a rollback needs and what is reused survives the hardest one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.flows.clerk import Clerk
from tests.flows.command_line import CommandLine

pytestmark = pytest.mark.services


def test_a_clean_up_of_everything_that_is_not_needed(sluice: CommandLine, tmp_path: Path) -> None:
    clerk = Clerk(tmp_path, "clean")
    first = clerk.commit("one")
    sluice("run", clerk.path).ended(0)
    second = clerk.commit("two")
    sluice("run", clerk.path).ended(0)
    home = sluice.settings.home

    would = sluice("clean", "--older-than", "0s", "--dry-run").ended(0)
    assert list(home.mirrors.glob("*.git"))
    done = sluice("clean", "--older-than", "0s").ended(0)
    assert re.search(r"^mirrors\s+[1-9]", done.out, re.M), done.out
    assert would.out.replace("would free", "freed") == done.out
    assert not list(home.mirrors.glob("*.git"))

    sluice.serves(clerk.name, second)
    tested = clerk.tested
    sluice("run", clerk.path).ended(0)
    assert sluice.states()["test"] == "reused"
    assert clerk.tested == tested
    sluice("rollback", "staging", "--project", clerk.name).ended(0)
    sluice.serves(clerk.name, first)


def test_an_age_that_is_none_is_refused(sluice: CommandLine) -> None:
    error = sluice("clean", "--older-than", "soon").ended(2).error
    assert error.startswith("AGE: ")
    assert "--older-than" in error

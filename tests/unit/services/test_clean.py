"""What the clean-up takes and what it leaves, by age, need and lock."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import filelock
import pytest

from sluice.services.clean import CleanUp, Freed
from sluice.settings import Home
from sluice.store.needed import Needed

DAY = 86400.0
NOTHING = Needed(frozenset(), frozenset(), frozenset(), None)
OLD, NEW = "a" * 64, "b" * 64
RUN = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").make()


Make = Callable[[str, float], Path]


@pytest.fixture
def make(home: Home) -> Make:
    def file(name: str, days: float) -> Path:
        path = home.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 1000)
        for each in (path, path.parent):
            os.utime(each, (time.time() - days * DAY,) * 2)
        return path

    return file


@pytest.fixture
def everything(make: Make) -> dict[str, Path]:
    """One thing of each part that is 40 days old."""
    names = {
        "workspaces": f"workspaces/{RUN}/test/app.py",
        "environments": "environments/key/lock.json",
        "releases": f"releases/{OLD}/ready.json",
        "mirrors": "mirrors/repository.git/HEAD",
        "artifacts": f"artifacts/aa/{OLD}",
        "results": f"results/test-{OLD}-{RUN}",
        "run logs": f"runs/{RUN}/test.log",
    }
    made = {part: make(name, 40) for part, name in names.items()}
    os.utime(made["workspaces"].parent.parent, (time.time() - 40 * DAY,) * 2)
    return made


def left(paths: dict[str, Path]) -> set[str]:
    return {part for part, path in paths.items() if path.exists()}


def test_what_is_unused_goes_and_is_counted(home: Home, everything: dict[str, Path]) -> None:
    freed = CleanUp(home, NOTHING, 30 * DAY).run()
    assert freed == tuple(Freed(part, 1, 1000) for part in everything)
    assert left(everything) == set()
    assert list(home.root.rglob(".gone-*")) == []
    assert CleanUp(home, NOTHING, 30 * DAY).run() == tuple(Freed(part, 0, 0) for part in everything)


def test_what_was_used_since_stays(home: Home, everything: dict[str, Path]) -> None:
    assert {each.things for each in CleanUp(home, NOTHING, 50 * DAY).run()} == {0}
    assert left(everything) == set(everything)


def test_a_dry_run_says_the_same_and_removes_nothing(home: Home, everything: dict[str, Path]) -> None:
    dry = CleanUp(home, NOTHING, 30 * DAY, dry_run=True).run()
    assert left(everything) == set(everything)
    assert CleanUp(home, NOTHING, 30 * DAY).run() == dry


def test_what_is_needed_stays_whatever_its_age(home: Home, everything: dict[str, Path], make: Make) -> None:
    other = make(f"releases/{NEW}/ready.json", 40)
    needed = Needed(frozenset({f"sha256:{OLD}"}), frozenset({OLD}), frozenset({RUN}), None)
    CleanUp(home, needed, 30 * DAY).run()
    assert left(everything) == {"releases", "artifacts", "results"}
    assert not other.parent.exists()


def test_nothing_that_a_run_may_have_taken_up_goes(home: Home, everything: dict[str, Path]) -> None:
    began = datetime.now(UTC) - timedelta(days=45)
    CleanUp(home, Needed(frozenset(), frozenset(), frozenset(), began), 0).run()
    assert left(everything) == set(everything)


@pytest.mark.parametrize("part", ["environments", "releases", "mirrors"])
def test_what_somebody_holds_is_left_alone(home: Home, everything: dict[str, Path], part: str) -> None:
    with filelock.FileLock(f"{everything[part].parent}.lock"):
        CleanUp(home, NOTHING, 30 * DAY).run()
        assert left(everything) == {part}
    CleanUp(home, NOTHING, 30 * DAY).run()
    assert left(everything) == set()


def test_what_a_killed_clean_up_or_build_left_goes(home: Home, make: Make) -> None:
    half = [make("environments/.gone-key/x", 40), make("releases/.0a1b-2/y", 40), make("environments/.key-q/z", 0)]
    CleanUp(home, NOTHING, 30 * DAY).run()
    assert [path.exists() for path in half] == [False, False, True]

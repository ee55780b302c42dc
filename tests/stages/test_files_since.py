"""What was done since the newest accepted run: known only where the commit contains that run's commit."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flows.since import files_since
from sluice.records.history import History
from sluice.settings import Home
from tests import factories
from tests.repositories import Repository, source


def told(repository: Repository, home: Home, newest: str) -> Any:
    known = factories.baseline("test.total", 40).model_copy(update={"commit": newest})
    run: Any = SimpleNamespace(history=lambda: History(baselines={"test.total": known}))
    return files_since(run, source(repository, home), "test.total")


def test_on_the_same_branch_and_beside_it(tmp_path: Path) -> None:
    home, repository = Home(tmp_path / "home").make(), Repository(tmp_path / "greeter")
    first = repository.commit({"app.py": "x = 1\n", "tests/test_a.py": "def test_a(): pass\n"})
    second = repository.commit({"app.py": "x = 2\n", "tests/test_a.py": "def test_a(): pass\n"})
    assert [each.path for each in told(repository, home, first)] == ["app.py"]
    assert told(repository, home, second) == ()
    repository.git("checkout", "-q", "-b", "beside", first)
    repository.commit({"app.py": "x = 3\n", "tests/test_a.py": "def test_a(): pass\n"})
    assert told(repository, home, second) is None, "the default branch went on: the branch does not contain it"
    assert [each.path for each in told(repository, home, first)] == ["app.py"]

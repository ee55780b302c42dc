"""The benchmarks' trivial repository and steps do what they are measured for. Nothing here looks at a clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peers import STEPS, Peer, peers, write_steps
from benchmarks.trivial import Repository
from sluice.config.load import load


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path / "trivial")
    write_steps(repository, tmp_path / "work")
    repository.commit("good")
    return repository


def test_the_trivial_project_is_one_that_is_deployed_and_smoked(repository: Repository) -> None:
    config = load((repository.path / "sluice.yaml").read_text(), "sluice.yaml").config
    assert config.environments["staging"].replicas == 1
    assert [check.contains for check in config.smoke.checks] == ["good"]
    assert (repository.path / "answer.txt").read_text() == "good 1\n"


@pytest.mark.parametrize("name", ["plain shell", "make"])
def test_the_seven_steps_really_run(repository: Repository, tmp_path: Path, name: str) -> None:
    (peer,) = [peer for peer in peers(tmp_path) if peer.name == name]
    assert peer.seconds(repository.path, rounds=1) > 0
    work = tmp_path / "work"
    assert (work / "tree" / "junit.xml").read_text().startswith("<testsuite")
    assert len((work / "digest").read_text().split()[0]) == 64
    assert (work / "new" / "answer.txt").read_text() == "good 1\n"
    assert (work / "current").readlink() == work / "old"
    assert list(STEPS) == ["checkout", "test", "build", "scan", "deploy", "smoke", "rollback"]


def test_a_runner_that_is_not_here_is_skipped_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing: dict[str, Peer] = {peer.name: peer for peer in peers(tmp_path) if peer.argv is None}
    assert missing.keys() == {"make", "act", "gitlab-ci-local"}
    assert "not on PATH" in missing["act"].reason

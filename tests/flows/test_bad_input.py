"""What a person may type or leave lying about: one line that says what is wrong, the right exit code, nothing begun."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.flows.clerk import Clerk
from tests.flows.command_line import CommandLine
from tests.repositories import Repository

pytestmark = pytest.mark.services

BROKEN = """\
project: Not A Name
test:
  framwork: [pytest]
  timeout: soon
build: 3
"""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("run", "/nonexistent"), "NOT_A_REPOSITORY"),
        (("run", "."), "NOT_A_REPOSITORY"),
        (("run", "--ref=--upload-pack=x"), "REF_INVALID"),
        (("run", "ext::sh -c id"), "REPOSITORY_INVALID"),
        (("run", "https://me:secret@example.org/x.git"), "REPOSITORY_CREDENTIALS"),
        (("run", "--no-such-option"), "USAGE"),
        (("nothing",), "USAGE"),
        ((), "USAGE"),
        (("why",), "USAGE"),
        (("rollback", "nowhere"), "ENVIRONMENT_UNKNOWN"),
        (("rollback", "nowhere", "--project", "nobody"), "ENVIRONMENT_UNKNOWN"),
        (("report", "ffff"), "RUN_UNKNOWN"),
        (("cancel", "; drop table"), "RUN_UNKNOWN"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_in_one_line(sluice: CommandLine, words: tuple[str, ...], code: str) -> None:
    before = sluice.one("SELECT count(*) FROM pipeline_runs WHERE kind = 'pipeline'")
    done = sluice(*words).ended(2)
    said = f"{done.out}\n{done.err}"
    assert f"{code}: " in said
    assert "secret" not in said
    assert sluice.one("SELECT count(*) FROM pipeline_runs WHERE kind = 'pipeline'") == before, "nothing was begun"


def test_a_mistyped_command_is_guessed_and_none_shows_the_help(sluice: CommandLine) -> None:
    assert "(did you mean 'run'?). `sluice --help`" in sluice("rnu").ended(2).error
    assert "Start here" in sluice().ended(2).out


def test_an_unknown_ref_and_an_empty_repository_end_their_run(sluice: CommandLine, tmp_path: Path) -> None:
    empty = Repository(tmp_path / "void")
    assert "REPOSITORY_EMPTY" in sluice("run", empty.path).ended(2).out
    assert (sluice.view().state, sluice.states()) == ("failed", {})
    empty.commit({"a": "b"})
    assert "REF_UNKNOWN" in sluice("run", empty.path, "--ref", "nowhere").ended(2).out
    assert (sluice.view().state, sluice.states()) == ("failed", {})


def test_a_broken_file_is_told_whole_and_nothing_is_started(sluice: CommandLine, tmp_path: Path) -> None:
    clerk = Clerk(tmp_path, "brokenclerk")
    clerk.commit()
    clerk.repository.commit({"sluice.yaml": BROKEN})
    before = len(sluice.run_ids())
    done = sluice("run", clerk.path).ended(2)
    places = ("sluice.yaml:1:10", "sluice.yaml:3:3", "did you mean 'frameworks'", "sluice.yaml:4:12", "sluice.yaml:5:8")
    assert all(place in done.out for place in places), done.out
    assert len(sluice.run_ids()) == before + 1
    view = sluice.view()
    assert (view.state, view.exit_code, view.stages) == ("failed", 2, ())
    assert clerk.tested == 0


def test_a_taken_port_is_named(sluice: CommandLine, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        clerk = Clerk(tmp_path, "portclerk", environments={"staging": {"port": port}})
        commit = clerk.commit()
        assert f"PORT_TAKEN: port {port}" in sluice("run", clerk.path).ended(20).out
    assert sluice.view().state == "errored"
    assert not sluice.replicas(clerk.name)
    sluice("run", clerk.path).ended(0)
    sluice.serves(clerk.name, commit)


def test_of_two_runs_at_once_the_second_waits_and_both_end(sluice: CommandLine, tmp_path: Path) -> None:
    clerk = Clerk(tmp_path, "twiceclerk", smoke={"checks": [{"path": "/"}], "timeout": "40s"})
    first = clerk.commit("One")
    one = sluice.start("run", clerk.path)
    one.reaches("deploy")
    second = clerk.commit("Two")
    two = sluice.start("run", clerk.path)
    one.end().ended(0)
    two.end().ended(0)
    assert [sluice.view(each).commit for each in (one.run_id, two.run_id)] == [first, second]
    spans = sluice.rows(
        "SELECT started_at, ended_at FROM deployments WHERE run_id IN (:one, :two) ORDER BY started_at",
        one=one.run_id,
        two=two.run_id,
    )
    assert len(spans) == 2
    sluice.serves(clerk.name, second)

"""Which environments wait to be settled, and fences that are lifted by hand, with their trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from sluice.cli.main import run
from sluice.errors import Exit
from sluice.states import RunState
from sluice.store.journal import Journal
from sluice.store.runs import RunStore
from tests.postgres.parts import PROJECT, a_run, execute, one, rows
from tests.postgres.test_journal import BAD, GOOD, held

pytestmark = pytest.mark.postgres


@pytest.fixture
def journal(engine: Engine) -> Journal:
    return Journal(engine)


def begin(engine: Engine, journal: Journal) -> str:
    """Begin a deploy that nobody ends, as a run does whose process dies; return the run."""
    run_id = a_run(engine)
    with held(journal, run_id) as lease:
        journal.begin_deployment(lease, run_id, PROJECT, "staging", GOOD, None)
    take_back = "UPDATE environment_locks SET holder_run_id = :run, acquired_at = now(), lease_until = now() + '60 s'"
    execute(engine, take_back, run=run_id)
    return run_id


def its_run_ends(engine: Engine, run_id: str) -> None:
    RunStore(engine).finish_run(run_id, RunState.LOST, "its process died", int(Exit.INFRASTRUCTURE))


def its_lease_passes(engine: Engine, _run_id: str) -> None:
    execute(engine, "UPDATE environment_locks SET lease_until = clock_timestamp() - interval '1 second'")


@pytest.mark.parametrize("dies", [its_run_ends, its_lease_passes])
def test_what_a_dead_run_left_open_is_unsettled(
    engine: Engine, journal: Journal, dies: Callable[[Engine, str], None]
) -> None:
    run_id = begin(engine, journal)
    assert journal.unsettled() == (), "it is at work"
    dies(engine, run_id)
    assert journal.unsettled() == ((PROJECT, "staging"),)
    with held(journal, a_run(engine)) as lease:
        assert journal.unsettled() == (), "somebody settles it"
        for left in journal.open_deployments(PROJECT, "staging"):
            journal.finish_deployment(lease, left, "interrupted")
    assert journal.unsettled() == ()


@pytest.fixture
def fenced(engine: Engine, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluice.database.database", lambda: engine)
    run_id = a_run(engine)
    with held(journal, run_id) as lease:
        journal.fence(lease, PROJECT, "staging", BAD, "smoke failed: GET / answered 500")


@pytest.mark.usefixtures("fenced")
def test_fences_are_listed_with_their_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fence", "list", "staging"]) == 0
    line = " ".join(capsys.readouterr().out.split())
    assert f"{BAD.digest[:19]} {PROJECT} staging since " in line
    assert "smoke failed: GET / answered 500" in line
    assert run(["fence", "list", "production"]) == 0
    assert capsys.readouterr().out == "No release is fenced.\n"


@pytest.mark.usefixtures("fenced")
def test_a_lifted_fence_leaves_who_and_why(engine: Engine, journal: Journal) -> None:
    words = ["fence", "lift", BAD.digest[7:19], "staging", "--project", PROJECT, "--reason", "the disk was full"]
    assert run(words) == 0
    assert journal.fenced(PROJECT, "staging", BAD.digest) is None
    ((actor, detail),) = rows(engine, "SELECT actor, detail FROM audit_events WHERE action = 'unfence'")
    assert actor == one(engine, "SELECT lifted_by FROM release_fences")
    assert actor
    assert detail == {"environment": "staging", "project": PROJECT, "reason": "the disk was full"}
    assert run(words) == int(Exit.USAGE)


@pytest.mark.usefixtures("fenced")
@pytest.mark.parametrize(
    ("release", "reason", "code"),
    [(BAD.digest, "why", "REASON_MISSING"), (GOOD.digest, "the disk was full", "FENCE_UNKNOWN")],
)
def test_a_fence_is_not_lifted_just_so(
    journal: Journal, capsys: pytest.CaptureFixture[str], release: str, reason: str, code: str
) -> None:
    words = ["fence", "lift", release, "staging", "--project", PROJECT, "--reason", reason]
    assert run(words) == int(Exit.USAGE)
    assert code in capsys.readouterr().err
    assert journal.fenced(PROJECT, "staging", BAD.digest) is not None

"""The journal: one holder at a time, steps before their effects, and what is true after each ending."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from sluice.errors import ConfigError, SluiceError, UsageError
from sluice.records.deploy import Step
from sluice.stages.deploy_journal import DeployJournal
from sluice.states import RunState
from sluice.store.journal import Holder, Journal, Lease
from sluice.store.leases import LeaseLostError
from sluice.store.locks import EnvironmentLockedError
from sluice.store.runs import RunStore
from tests import factories
from tests.postgres.parts import PROJECT, a_run, execute, one, rows

pytestmark = pytest.mark.postgres

GOOD = factories.release()
BAD = factories.release(digest="sha256:" + "b" * 64, commit="b" * 40)
THIRD = factories.release(digest="sha256:" + "c" * 64)


@pytest.fixture
def journal(engine: Engine) -> Journal:
    return Journal(engine)


@contextmanager
def held(journal: Journal, run_id: str, wait: float = 0.0) -> Iterator[Lease]:
    with journal.lock(PROJECT, "staging", run_id, "deploy", wait) as lease:
        yield lease


def step(name: str, status: str, ordinal: int = 1, detail: str = "") -> Step:
    now = factories.NOW
    return Step(ordinal=ordinal, name=name, status=status, started_at=now, ended_at=now, detail=detail)


def deployed(engine: Engine, journal: Journal, release=GOOD, smoke: bool | None = True, state: str = "serving") -> str:  # type: ignore[no-untyped-def]
    run_id = a_run(engine)
    with held(journal, run_id) as lease:
        made = journal.begin_deployment(lease, run_id, PROJECT, "staging", release, None)
        if smoke is not None:
            journal.mark_smoke(made, smoke)
        journal.finish_deployment(lease, made, state)
    return made


def expire(engine: Engine) -> None:
    execute(engine, "UPDATE environment_locks SET lease_until = clock_timestamp() - interval '1 second'")


def test_it_is_the_journal_that_deploy_asks_for(journal: Journal) -> None:
    asked: DeployJournal = journal  # mypy holds the signatures
    assert {name for name in vars(DeployJournal) if not name.startswith("_")} <= set(dir(asked))


def test_each_holder_has_a_higher_fence(engine: Engine, journal: Journal) -> None:
    fences = []
    for _ in range(3):
        with held(journal, a_run(engine)) as lease:
            fences.append(lease.fence)
            assert not lease.lost
        assert journal.lock_holder(PROJECT, "staging") is None
    assert fences == [1, 2, 3]


def test_a_second_run_waits_and_is_told_for_whom(engine: Engine, journal: Journal) -> None:
    first, second = a_run(engine), a_run(engine)
    told: list[Holder] = []
    order: list[str] = []

    def wait() -> None:
        with journal.lock(PROJECT, "staging", second, "deploy", 10, told.append):
            order.append("second")

    with held(journal, first):
        waiter = threading.Thread(target=wait)
        waiter.start()
        while not told:
            time.sleep(0.01)
        order.append("first")
    waiter.join(10)
    assert order == ["first", "second"]
    assert [(holder.run_id, holder.purpose) for holder in told] == [(first, "deploy")]
    assert isinstance(told[0].since, datetime)
    assert str(told[0]).startswith(f"run {first[:8]} (deploy) since 20")


def test_who_waits_too_long_is_told_who_holds_it(engine: Engine, journal: Journal) -> None:
    first = a_run(engine)
    with held(journal, first), pytest.raises(EnvironmentLockedError) as caught, held(journal, a_run(engine), 0.3):
        pytest.fail("two held it")
    assert str(caught.value).startswith(
        f"ENVIRONMENT_LOCKED: environment staging is in use by run {first[:8]} (deploy)"
    )
    assert caught.value.exit_code == 3


def test_other_environments_are_free(engine: Engine, journal: Journal) -> None:
    with held(journal, a_run(engine)), journal.lock(PROJECT, "production", a_run(engine), "deploy", 0) as other:
        assert other.fence == 1


def test_no_two_of_many_are_inside_at_once(engine: Engine, journal: Journal) -> None:
    inside, overlaps, done = [0], [0], []

    def work() -> None:
        run_id = a_run(engine)
        for _ in range(3):
            with held(journal, run_id, wait=60):
                inside[0] += 1
                overlaps[0] += inside[0] != 1
                time.sleep(0.01)
                inside[0] -= 1
            done.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(100)
    assert (len(done), overlaps[0]) == (12, 0)
    assert one(engine, "SELECT fence FROM environment_locks") == 12


def test_a_dead_holder_is_replaced_and_its_writes_are_refused(engine: Engine, journal: Journal) -> None:
    first, second = a_run(engine), a_run(engine)
    with pytest.raises(LeaseLostError), held(journal, first) as old:  # noqa: PT012 - raised at its end
        made = journal.begin_deployment(old, first, PROJECT, "staging", GOOD, None)
        expire(engine)
        with held(journal, second) as new:
            assert new.fence == old.fence + 1
            for write in (
                lambda: journal.step(old, made, step("switch", "started")),
                lambda: journal.finish_deployment(old, made, "serving"),
                lambda: journal.begin_deployment(old, first, PROJECT, "staging", BAD, None),
                lambda: journal.fence(old, PROJECT, "staging", GOOD, "bad"),
                lambda: journal.begin_rollback(old, first, PROJECT, "staging", None, GOOD, "bad"),
            ):
                with pytest.raises(LeaseLostError):
                    write()
            journal.finish_deployment(new, made, "interrupted")
    assert rows(engine, "SELECT state, fence FROM deployments") == [("interrupted", 1)]
    assert rows(engine, "SELECT * FROM deployment_steps") == []
    assert rows(engine, "SELECT * FROM release_fences") == []
    assert rows(engine, "SELECT action, detail->>'run' FROM audit_events") == [("take_over", first)]


def test_the_steps_of_a_canary_are_written_under_the_lock_alone(engine: Engine, journal: Journal) -> None:
    first = factories.canary_step(ordinal=1, weight=5)
    second = factories.canary_step(ordinal=2, weight=25, verdict="worse", reason="20.0% \x00 failed", old_p95=None)
    run_id = a_run(engine)
    with held(journal, run_id) as lease:
        made = journal.begin_deployment(lease, run_id, PROJECT, "staging", BAD, GOOD)
        journal.canary_step(lease, made, first)
        journal.canary_step(lease, made, first)
        journal.canary_step(lease, made, second)
        journal.finish_deployment(lease, made, "failed")
        with pytest.raises(LeaseLostError, match="settled"):
            journal.canary_step(lease, made, first.model_copy(update={"ordinal": 3}))

    assert [(step.ordinal, step.verdict) for step in journal.canary_steps(made)] == [(1, "no worse"), (2, "worse")]
    assert journal.canary_steps(made)[0] == first
    assert rows(engine, "SELECT environment, state, weight, new_errors, verdict, old_p95 FROM v_canary_steps") == [
        ("staging", "failed", 5, 12, "no worse", 0.02),
        ("staging", "failed", 25, 12, "worse", None),
    ]
    assert journal.canary_steps(str(uuid4())) == ()


def test_a_holder_cut_off_goes_on_when_nobody_came_meanwhile(engine: Engine, journal: Journal) -> None:
    run_id = a_run(engine)
    with held(journal, run_id) as lease:
        made = journal.begin_deployment(lease, run_id, PROJECT, "staging", GOOD, None)
        expire(engine)
        journal.step(lease, made, step("switch", "started"))
        assert one(engine, "SELECT lease_until > clock_timestamp() + interval '50 seconds' FROM environment_locks")


def test_a_holder_whose_run_has_ended_is_replaced_at_once(engine: Engine, journal: Journal) -> None:
    first = a_run(engine)
    with pytest.raises(LeaseLostError), held(journal, first):  # noqa: PT012 - raised at its end
        RunStore(engine).finish_run(first, RunState.LOST, "WORKER_LOST: gone", 20)
        with held(journal, a_run(engine)) as lease:
            assert lease.fence == 2


def test_a_settling_under_a_run_that_had_already_ended_is_not_disturbed(engine: Engine, journal: Journal) -> None:
    dead = a_run(engine)
    RunStore(engine).finish_run(dead, RunState.LOST, "WORKER_LOST: gone", 20)
    with held(journal, dead), pytest.raises(EnvironmentLockedError), held(journal, a_run(engine)):
        pytest.fail("two held it")


def test_the_lease_is_renewed_and_its_loss_is_seen(engine: Engine) -> None:
    journal = Journal(engine, renewal_seconds=0.05)
    with pytest.raises(LeaseLostError), held(journal, a_run(engine)) as lease:  # noqa: PT012 - raised at its end
        before = one(engine, "SELECT lease_until FROM environment_locks")
        time.sleep(0.3)
        assert one(engine, "SELECT lease_until FROM environment_locks") > before
        assert not lease.lost
        execute(engine, "UPDATE environment_locks SET fence = fence + 1")
        time.sleep(0.3)
        assert lease.lost


def test_the_error_of_the_work_is_the_one_that_is_seen(engine: Engine, journal: Journal) -> None:
    with pytest.raises(ZeroDivisionError), held(journal, a_run(engine)):  # noqa: PT012 - raised at its end
        execute(engine, "UPDATE environment_locks SET fence = fence + 1")
        raise ZeroDivisionError


def test_a_settling_needs_no_run(engine: Engine, journal: Journal) -> None:
    nobody = str(uuid4())
    with held(journal, nobody) as lease:
        made = journal.begin_deployment(lease, nobody, PROJECT, "staging", GOOD, GOOD)
        journal.finish_deployment(lease, made, "serving")
    assert rows(engine, "SELECT run_id, state FROM deployments") == [(None, "serving")]


def test_a_step_is_there_before_its_effect_and_changed_after_it(engine: Engine, journal: Journal) -> None:
    query = "SELECT ordinal, name, status, detail, ended_at IS NULL FROM deployment_steps ORDER BY ordinal"
    run_id = a_run(engine)
    with held(journal, run_id) as lease:
        made = journal.begin_deployment(lease, run_id, PROJECT, "staging", GOOD, None)
        journal.step(lease, made, step("start", "started"))
        assert rows(engine, query) == [(1, "start", "started", "", True)]
        journal.step(lease, made, step("start", "started"))  # a repeated write changes nothing
        journal.step(lease, made, step("start", "done", detail="2 replicas"))
        journal.step(lease, made, step("start", "done", detail="2 replicas"))
        journal.step(lease, made, step("switch", "started", 2))
        journal.step(lease, made, step("switch", "failed", 2, "refused"))
        with pytest.raises(LeaseLostError, match="settled"):
            journal.step(lease, made, step("switch", "done", 2))
        journal.step(lease, made, step("drain", "started", 3))
        journal.finish_deployment(lease, made, "failed", "switch refused")
        with pytest.raises(LeaseLostError, match="was settled as failed"):
            journal.step(lease, made, step("remove", "started", 4))
    assert rows(engine, query) == [
        (1, "start", "done", "2 replicas", False),
        (2, "switch", "failed", "refused", False),
        (3, "drain", "interrupted", "", False),
    ]
    assert [(s.name, s.status) for s in journal.steps(made)] == [
        ("start", "done"),
        ("switch", "failed"),
        ("drain", "interrupted"),
    ]


def test_an_ended_deployment_stays_as_it_ended(engine: Engine, journal: Journal) -> None:
    run_id = a_run(engine)
    with held(journal, run_id) as lease:
        made = journal.begin_deployment(lease, run_id, PROJECT, "staging", GOOD, None)
        assert journal.open_deployments(PROJECT, "staging") == (made,)
        journal.finish_deployment(lease, made, "serving", "well")
        journal.finish_deployment(lease, made, "serving")
        with pytest.raises(SluiceError, match="MOVE_ENDED"):
            journal.finish_deployment(lease, made, "failed")
        assert journal.open_deployments(PROJECT, "staging") == ()
    assert rows(engine, "SELECT state, detail FROM deployments") == [("serving", "well")]


def test_what_serves_and_what_was_good(engine: Engine, journal: Journal) -> None:
    assert journal.current_release(PROJECT, "staging") is None
    assert journal.last_good_release(PROJECT, "staging") is None
    deployed(engine, journal, GOOD, smoke=True)
    deployed(engine, journal, BAD, smoke=False)
    deployed(engine, journal, THIRD, smoke=None, state="failed")
    assert journal.current_release(PROJECT, "staging") == BAD
    assert journal.last_good_release(PROJECT, "staging") == GOOD
    assert journal.last_good_release(PROJECT, "staging", besides=GOOD.digest) is None
    assert journal.last_good_release(PROJECT, "production") is None
    passed = [journal.smoke_passed(PROJECT, "staging", release.digest) for release in (GOOD, BAD, THIRD)]
    assert passed == [True, False, False]


def test_a_rollback_is_journaled_and_moves_what_serves(engine: Engine, journal: Journal) -> None:
    deployed(engine, journal, GOOD)
    undone = deployed(engine, journal, BAD, smoke=False)
    run_id = a_run(engine)
    with held(journal, run_id) as lease:
        made = journal.begin_rollback(lease, run_id, PROJECT, "staging", BAD, GOOD, "smoke failed")
        journal.rollback_step(lease, made, step("switch back", "started"))
        journal.rollback_step(lease, made, step("switch back", "done"))
        journal.fence(lease, PROJECT, "staging", BAD, "smoke failed")
        assert journal.open_rollbacks(PROJECT, "staging") == (made,)
        journal.finish_rollback(lease, made, "serving", "", True, 1.5)
    assert journal.current_release(PROJECT, "staging") == GOOD
    assert rows(engine, "SELECT deployment_id::text, state, validated, seconds_to_restore FROM rollbacks") == [
        (undone, "serving", True, 1.5)
    ]
    query = "SELECT move, to_digest, serves_now FROM v_deployments ORDER BY number"
    assert rows(engine, query) == [
        ("deploy", GOOD.digest, False),
        ("deploy", BAD.digest, False),
        ("rollback", GOOD.digest, True),
    ]


def test_a_rollback_that_was_killed_is_closed_by_the_next_move(engine: Engine, journal: Journal) -> None:
    run_id = a_run(engine)
    with held(journal, run_id) as lease:
        made = journal.begin_rollback(lease, run_id, PROJECT, "staging", BAD, GOOD, "smoke failed")
        journal.rollback_step(lease, made, step("switch back", "started"))
    deployed(engine, journal, THIRD)
    assert rows(engine, "SELECT id::text, state FROM rollbacks") == [(made, "interrupted")]
    assert rows(engine, "SELECT status FROM deployment_steps") == [("interrupted",)]


def test_a_fence_holds_here_until_it_is_lifted(engine: Engine, journal: Journal) -> None:
    deployed(engine, journal, BAD)
    run_id = a_run(engine)
    with held(journal, run_id) as lease:
        journal.fence(lease, PROJECT, "staging", BAD, "smoke failed")
        journal.fence(lease, PROJECT, "staging", BAD, "again")
    assert journal.fenced(PROJECT, "staging", BAD.digest) == "smoke failed"
    assert journal.fenced(PROJECT, "production", BAD.digest) is None
    assert journal.fenced(PROJECT, "staging", GOOD.digest) is None
    assert journal.last_good_release(PROJECT, "staging") is None
    info = journal.fence_info(PROJECT, "staging", BAD.digest)
    assert info is not None
    assert (info.run_id, info.reason) == (run_id, "smoke failed")
    assert journal.unfence(PROJECT, "staging", BAD.digest, "ada")
    assert not journal.unfence(PROJECT, "staging", BAD.digest, "ada")
    assert journal.fenced(PROJECT, "staging", BAD.digest) is None
    assert journal.last_good_release(PROJECT, "staging") == BAD
    with held(journal, run_id) as lease:
        journal.fence(lease, PROJECT, "staging", BAD, "bad again")
    assert journal.fenced(PROJECT, "staging", BAD.digest) == "bad again"


def test_a_release_is_found_by_the_beginning_of_its_digest(engine: Engine, journal: Journal) -> None:
    deployed(engine, journal, GOOD)
    deployed(engine, journal, factories.release(digest=GOOD.digest[:-1] + "0"))
    assert journal.release(PROJECT, GOOD.digest) == GOOD
    assert journal.release(PROJECT, GOOD.digest.removeprefix("sha256:")) == GOOD
    assert journal.release(PROJECT, "ffffff") is None
    assert journal.release("other", GOOD.digest) is None
    with pytest.raises(UsageError, match="RELEASE_UNCLEAR"):
        journal.release(PROJECT, GOOD.digest[:20])


def test_a_port_is_chosen_once(engine: Engine, journal: Journal) -> None:
    proposals = iter((30001, 30001, 30002))
    assert journal.environment_port(PROJECT, "staging", choose=lambda: next(proposals)) == 30001
    assert journal.environment_port(PROJECT, "staging", choose=lambda: pytest.fail("chosen twice")) == 30001
    assert journal.environment_port(PROJECT, "production", choose=lambda: next(proposals)) == 30002
    assert journal.environment_port(PROJECT, "production", wanted=30003) == 30003
    assert journal.environment_port(PROJECT, "production") == 30003
    with pytest.raises(ConfigError, match=f"PORT_TAKEN: port 30001 already belongs to staging of {PROJECT}"):
        journal.environment_port(PROJECT, "production", wanted=30001)
    assert 20000 <= journal.environment_port("other", "staging") < 32000

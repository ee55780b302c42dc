"""Runs that want one environment at once: never two inside, and of those that meet the newest has the last word."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from sluice.store.journal import Holder, Journal
from sluice.store.locks import EnvironmentLockedError
from sluice.store.queue import SupersededError
from tests import factories
from tests.postgres.parts import PROJECT, a_run, one, rows
from tests.postgres.test_journal import held

pytestmark = pytest.mark.postgres

ROUNDS = 50


class Street:
    """One environment that runs deploy to; it counts who is inside at once, and who was last."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.journal = Journal(engine)
        self.inside = self.most = 0
        self.order: list[str] = []
        self.told: list[Holder] = []

    def deploy(self, run_id: str, hold: threading.Event | None = None, started: threading.Event | None = None) -> None:
        """Deploy as a run does: under the lock, in the journal."""
        with self.journal.lock(PROJECT, "staging", run_id, "deploy", 30, self.told.append, yields=True) as lease:
            self.inside += 1
            self.most = max(self.most, self.inside)
            if started is not None:
                started.set()
            made = self.journal.begin_deployment(lease, run_id, PROJECT, "staging", factories.release(), None)
            if hold is not None:
                assert hold.wait(30)
            self.journal.finish_deployment(lease, made, "serving")
            self.order.append(run_id)
            self.inside -= 1


def ended(future: Future[None]) -> str:
    error = future.exception()
    assert error is None or isinstance(error, SupersededError), error
    return "superseded" if error else "deployed"


def test_fifty_rounds_of_two_deploys_at_once(engine: Engine) -> None:
    street = Street(engine)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            runs = [a_run(engine), a_run(engine)]
            ends = [ended(future) for future in [pool.submit(street.deploy, each) for each in runs]]
            assert ends[1] == "deployed", "the newest is never superseded"

    assert street.most == 1
    assert one(engine, "SELECT count(*) FROM deployments WHERE state <> 'serving'") == 0
    assert rows(engine, "SELECT * FROM environment_waiters") == []


def test_of_those_that_wait_only_the_newest_deploys(engine: Engine) -> None:
    street = Street(engine)
    go, started = threading.Event(), threading.Event()
    first, second, third = a_run(engine), a_run(engine), a_run(engine)
    with ThreadPoolExecutor(3) as pool:
        running = pool.submit(street.deploy, first, go, started)
        assert started.wait(30)
        waiting = pool.submit(street.deploy, second)
        while not street.told:
            pass
        newest = pool.submit(street.deploy, third)
        with pytest.raises(SupersededError) as caught:
            waiting.result(30)
        go.set()
        running.result(30)
        newest.result(30)

    assert street.order == [first, third]
    assert str(caught.value).startswith(f"SUPERSEDED: run {third[:8]} is newer and deploys to staging")
    assert caught.value.exit_code == 3
    assert [holder.run_id for holder in street.told] == [first, first]


def test_an_older_run_does_not_wait_for_a_newer_one(engine: Engine) -> None:
    street = Street(engine)
    older, newer = a_run(engine), a_run(engine)
    with held(street.journal, newer), pytest.raises(SupersededError, match=newer[:8]):
        street.deploy(older)


def test_a_rollback_neither_gives_way_nor_supersedes(engine: Engine) -> None:
    street = Street(engine)
    older, newer = a_run(engine), a_run(engine)
    lock = street.journal.lock
    with (
        lock(PROJECT, "staging", newer, "rollback", 0),
        pytest.raises(EnvironmentLockedError, match="rollback"),
        lock(PROJECT, "staging", older, "deploy", 0.3, None, yields=True),
    ):
        pytest.fail("two held it")
    with (
        held(street.journal, newer),
        pytest.raises(EnvironmentLockedError, match="deploy"),
        lock(PROJECT, "staging", older, "rollback", 0.3),
    ):
        pytest.fail("two held it")
    assert rows(engine, "SELECT * FROM environment_waiters") == []

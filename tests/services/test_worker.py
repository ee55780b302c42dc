"""The worker of Sluice's pool: woken, and what it tells the server while the flow starts already."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluice.cli import entry
from sluice.services import code
from sluice.services.addresses import load
from sluice.services.environment import worker_env
from sluice.services.registration import make_pool
from sluice.services.wake import wake
from sluice.settings import Settings
from sluice.tools.prefect_api import PrefectApi
from tests.services.dummies import Dummy, register
from tests.stack import eventually

pytestmark = pytest.mark.services

POOL = "seldom-polled"


@pytest.fixture
def seldom(stack: Settings, tmp_path: Path) -> Iterator[Path]:
    """The socket of a second worker that has looked for runs once, and looks again in an hour."""
    settings = stack.model_copy(update={"work_pool": POOL})
    api = PrefectApi(load(stack))
    make_pool(api, settings, load(stack))
    register(settings, tmp_path, POOL)
    socket = tmp_path / "w.sock"
    env = worker_env(load(stack), settings)
    env |= {"PREFECT_WORKER_QUERY_SECONDS": "3600", "SLUICE_WORKER_SOCKET": str(socket)}
    worker = subprocess.Popen([sys.executable, "-m", "sluice.services.worker"], cwd=code.root(), env=env)
    try:
        queues = f"/work_pools/{POOL}/queues/filter"
        eventually(lambda: any(queue["last_polled"] for queue in api.post(queues, {})), "the first look for runs")
        yield socket
    finally:
        worker.kill()  # told to end, it would first sleep until its next look for runs
        worker.wait(60)


def test_a_woken_worker_takes_up_a_run_long_before_its_next_look(seldom: Path, stack: Settings, tmp_path: Path) -> None:
    assert stat.S_IMODE(seldom.stat().st_mode) == 0o600
    run = Dummy(stack, tmp_path, "quick", POOL)
    wake(seldom)
    assert run.end().state_type == "COMPLETED"


def test_a_run_that_is_handed_over_is_not_looked_for(
    seldom: Path, stack: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Dummy(stack, tmp_path, "quick", POOL)
    wake(seldom)
    assert first.end().state_type == "COMPLETED"  # of a deployment that the worker does not know it is asked
    queue = looked_at(first)
    second = announced(seldom, stack, tmp_path, monkeypatch)
    assert second.end().state_type == "COMPLETED"
    assert looked_at(second)["last_polled"] == queue["last_polled"]
    second.api.patch(f"/work_queues/{queue['id']}", {"is_paused": True})
    held = announced(seldom, stack, tmp_path, monkeypatch)
    eventually(lambda: looked_at(held)["last_polled"] != queue["last_polled"], "the look for a run of a paused queue")
    state = held.api.flow_run(held.id)
    assert state is not None
    assert state.state_type == "SCHEDULED"


def announced(socket: Path, stack: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Dummy:
    """Ask for a run as the command line does: the worker hears of it before, and gets it after."""
    home = folder / "home"
    (home / "supervisor").mkdir(parents=True, exist_ok=True)
    (home / "supervisor" / "worker.sock").unlink(missing_ok=True)
    (home / "supervisor" / "worker.sock").symlink_to(socket)
    monkeypatch.setenv("SLUICE_HOME", str(home))
    entry.announce()
    run = Dummy(stack, folder, "quick", POOL)
    wake(socket, run.api.get(f"/flow_runs/{run.id}"))
    return run


def looked_at(run: Dummy) -> dict[str, Any]:
    """The queue of the pool, with the time at which somebody looked for runs."""
    (queue,) = run.api.post(f"/work_pools/{POOL}/queues/filter", {})
    return dict(queue)


def test_a_run_bears_the_name_of_its_worker(stack: Settings, tmp_path: Path) -> None:
    register(stack, tmp_path)
    run = Dummy(stack, tmp_path, "quick")
    assert run.end().state_type == "COMPLETED"

    def labels() -> dict[str, str]:
        return dict(run.api.get(f"/flow_runs/{run.id}")["labels"])

    # The worker tells it aside, and a quick run ends before.
    eventually(lambda: "prefect.worker.name" in labels(), "the worker's labels")
    assert labels()["prefect.work-pool.name"] == stack.work_pool
    assert labels()["prefect.worker.name"].startswith("sluice-")


def test_nobody_needs_to_listen_where_a_worker_is_woken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    entry.announce()
    wake(tmp_path / "nobody")
    (tmp_path / "file").touch()
    wake(tmp_path / "file")

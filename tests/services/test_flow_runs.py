"""Flow runs in forks of the warm process: start, cancel, and every way to kill a part."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from sluice.services import launcher, supervisord, warm_client
from sluice.services.addresses import load
from sluice.settings import Settings
from tests.services.dummies import Dummy, alive, register
from tests.stack import eventually

pytestmark = pytest.mark.services


@pytest.fixture(scope="module", autouse=True)
def deployed(running_stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    register(running_stack, tmp_path_factory.mktemp("dummy"))


def warm_pid(settings: Settings) -> int:
    state = warm_client.ask(load(settings).warm_socket, seconds=60)
    assert state is not None
    return state.pid


def pid_of(settings: Settings, name: str) -> int:
    found = next(info for info in supervisord.supervisor_of(settings.home).processes() if info.name == name)
    assert found.pid is not None
    return found.pid


def gone(*pids: str) -> None:
    eventually(lambda: not any(alive(pid) for pid in pids), f"the end of {pids}", 45)


def test_a_run_is_a_fork_of_the_warm_process_with_its_own_environment(stack: Settings, tmp_path: Path) -> None:
    run = Dummy(stack, tmp_path, "quick")
    _pid, parent, api, folder = run.words()
    assert (int(parent), api, folder) == (warm_pid(stack), load(stack).prefect_api_url, str(Path(__file__).parent))
    assert run.end().state_type == "COMPLETED"


@pytest.mark.parametrize("variables", [{}, {"PREFECT_TASKS_DEFAULT_RETRIES": "3"}])
def test_a_run_has_the_settings_of_its_own_variables(
    stack: Settings, tmp_path: Path, variables: dict[str, str]
) -> None:
    run = Dummy(stack, tmp_path, "retries", variables=variables)
    assert run.words() == list(variables.values() or ["0"])


def test_a_run_that_was_suspended_at_its_first_line_ends_at_its_next_task(stack: Settings, tmp_path: Path) -> None:
    run = Dummy(stack, tmp_path, "stepping")
    (pid,) = run.words()
    state = {"type": "PAUSED", "name": "Suspended", "state_details": {"pause_reschedule": True}}
    assert run.api.post(f"/flow_runs/{run.id}/set_state", {"state": state})["status"] == "ACCEPT"
    gone(pid)
    found = run.api.flow_run(run.id)
    assert found is not None
    assert found.state_name == "Suspended"


def test_cancel_ends_the_flow_and_what_it_started(stack: Settings, tmp_path: Path) -> None:
    run = Dummy(stack, tmp_path, "slow")
    pids = run.words()
    run.api.cancel(run.id)
    assert run.end().state_type == "CANCELLED"
    assert run.ended_by() == "TerminationSignal"
    gone(*pids)


def test_a_killed_flow_is_crashed_at_once_and_leaves_nothing(stack: Settings, tmp_path: Path) -> None:
    run = Dummy(stack, tmp_path, "slow")
    pids = run.words()
    os.kill(int(pids[0]), signal.SIGKILL)
    assert run.end(20).state_type == "CRASHED"
    gone(*pids)


def test_a_daemon_without_any_mark_is_ended_after_the_run(stack: Settings, tmp_path: Path) -> None:
    run = Dummy(stack, tmp_path, "leaver")
    (daemon,) = run.words()
    assert run.end().state_type == "COMPLETED"
    gone(daemon)


def test_a_daemon_of_a_live_run_is_left_alone(stack: Settings, tmp_path: Path) -> None:
    live = Dummy(stack, tmp_path, "slow")
    _flow, program = live.words()
    other = Dummy(stack, tmp_path, "leaver")
    (daemon,) = other.words()
    other.end()
    gone(daemon)
    assert alive(program)
    live.api.cancel(live.id)
    live.end()


def test_a_killed_launcher_ends_its_flow(stack: Settings, tmp_path: Path) -> None:
    run = Dummy(stack, tmp_path, "slow")
    pids = run.words()
    socket = str(load(stack).warm_socket)
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if launcher.__file__ in words and socket in words and "prefect.engine" in words:
            process.kill()
    assert run.end().state_type == "CRASHED"
    assert run.ended_by() == "TerminationSignal"
    gone(*pids)


def test_new_code_is_loaded_while_runs_go_on(stack: Settings, tmp_path: Path) -> None:
    run = Dummy(stack, tmp_path, "slow", seconds=20)
    pids = run.words()
    before = warm_pid(stack)
    os.kill(before, signal.SIGHUP)
    after = Dummy(stack, tmp_path, "quick")
    assert int(after.words(120)[1]) == before == warm_pid(stack)
    assert run.end().state_type == "COMPLETED"
    gone(*pids)


def test_a_killed_warm_process_ends_its_flows_and_comes_back(stack: Settings, tmp_path: Path) -> None:
    run = Dummy(stack, tmp_path, "slow")
    pids = run.words()
    before = warm_pid(stack)
    os.kill(before, signal.SIGKILL)
    assert run.end().state_type == "CRASHED"
    assert run.ended_by() == "TerminationSignal"
    meanwhile = Dummy(stack, tmp_path, "quick")  # by a plain Python, if need be
    assert meanwhile.end(120).state_type == "COMPLETED"
    eventually(lambda: warm_client.ask(load(stack).warm_socket) is not None, "the warm process", 120)
    assert warm_pid(stack) != before
    gone(*pids)


def test_a_killed_worker_comes_back_and_its_flow_ends_by_itself(stack: Settings, tmp_path: Path) -> None:
    run = Dummy(stack, tmp_path, "slow", seconds=5)
    pids = run.words()
    before = pid_of(stack, "worker")
    os.kill(before, signal.SIGKILL)
    assert run.end().state_type == "COMPLETED"
    after = Dummy(stack, tmp_path, "quick")
    assert after.end(120).state_type == "COMPLETED"
    assert pid_of(stack, "worker") != before
    gone(*pids)

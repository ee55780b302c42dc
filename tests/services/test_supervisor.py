"""The process manager with hostile names, words and values."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.errors import ConfigError
from sluice.services import supervisord
from sluice.settings import Home
from sluice.targets.base import Program
from sluice.tools.supervisor import ProcessInfo, ServiceProgram, Supervisor, SupervisorError
from tests.stack import eventually

pytestmark = pytest.mark.services

HOSTILE = [
    "a \"b\" 'c'",
    "100% %(here)s %(ENV_HOME)s",
    " ; comment # too",
    "line\nend\ttab",
    "$HOME `id` \\",
    "ü€😀",
    "",
]
TELL = "import json,os,sys;json.dump([sys.argv[1:],dict(os.environ)],open(sys.argv[1],'w'));import time;time.sleep(600)"


@pytest.fixture(scope="module")
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    home = Home(tmp_path_factory.mktemp("home")).make()
    running = supervisord.start(home)
    yield running
    supervisord.stop(running)


def program(folder: Path, name: str, *words: str, **more: object) -> ServiceProgram:
    fields = {"command": (sys.executable, "-c", TELL, *words), "directory": folder, "log": folder / "log"}
    return ServiceProgram.model_validate({"name": name, "stop_seconds": 5, **fields, **more})


def info(supervisor: Supervisor, name: str) -> ProcessInfo:
    return next(found for found in supervisor.processes() if found.name == name)


def test_hostile_words_and_values_arrive_as_they_are(supervisor: Supervisor, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    environment = {f"V{number}": value for number, value in enumerate(HOSTILE)}
    supervisor.add_group("hostile", [program(tmp_path, "hostile-1", str(told), *HOSTILE, environment=environment)])
    eventually(lambda: told.exists() and told.read_text(), "the program's word")
    words, env = json.loads(told.read_text())
    assert words == [str(told), *HOSTILE]
    assert {name: env[name] for name in environment} == environment
    supervisor.remove_group("hostile")
    assert "hostile" not in {found.group for found in supervisor.processes()}
    assert not list(supervisor.groups.glob("hostile*"))


def test_a_program_of_the_process_target_inherits_the_environment(supervisor: Supervisor, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    words = (sys.executable, "-c", TELL, str(told))
    plain = Program(name="app-1", command=words, directory=tmp_path, log=tmp_path / "log", stop_seconds=5)
    supervisor.add_group("app", [plain])
    eventually(lambda: told.exists() and told.read_text(), "the program's word")
    assert supervisord.MARK in json.loads(told.read_text())[1]
    supervisor.remove_group("app")


def test_a_program_that_ends_is_started_again_and_counted(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add_group("again", [program(tmp_path, "again", str(tmp_path / "told"))])
    eventually(lambda: info(supervisor, "again").state == "RUNNING", "the start")
    first = info(supervisor, "again")
    assert (first.restarts, first.started_at is not None) == (0, True)
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: info(supervisor, "again").pid not in (None, first.pid), "the second start")
    eventually(lambda: info(supervisor, "again").restarts == 1, "the count of the second start")
    supervisor.remove_group("again")


def test_stop_start_and_replacing_a_group(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add_group("group", [program(tmp_path, "one", "x"), program(tmp_path, "two", "y")])
    eventually(lambda: info(supervisor, "two").state == "RUNNING", "the start")
    supervisor.stop("one", "group")
    assert (info(supervisor, "one").state, info(supervisor, "one").pid) == ("STOPPED", None)
    supervisor.start("one", "group")
    assert info(supervisor, "one").state == "RUNNING"
    supervisor.add_group("group", [program(tmp_path, "three", "z")])
    assert [found.name for found in supervisor.processes() if found.group == "group"] == ["three"]
    supervisor.remove_group("group")
    supervisor.remove_group("group")  # again: nothing to do


def test_bad_names_are_refused(supervisor: Supervisor, tmp_path: Path) -> None:
    for name in ("a:b", "a,b", "a]\n[program:x", "", "../x", "-x"):
        with pytest.raises(ConfigError, match="PROGRAM_NAME"):
            supervisor.add_group(name, [program(tmp_path, "fine", "x")])
        with pytest.raises(ConfigError, match="PROGRAM_NAME"):
            supervisor.add_group("fine", [program(tmp_path, name, "x")])


def test_a_supervisor_that_is_down_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SupervisorError, match=r"SUPERVISOR_DOWN.*sluice up"):
        Supervisor(tmp_path / "none.sock").processes()
    assert Supervisor(tmp_path / "none.sock").pid() is None

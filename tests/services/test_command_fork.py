"""The `sluice` command in a fork of the warm process: it is what a process of its own would be."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.services import code, supervisord, warm_client
from sluice.services.addresses import load
from sluice.services.programs import CADDY
from sluice.settings import Settings
from tests.stack import eventually

pytestmark = pytest.mark.services

WORDS = [sys.executable, "-m", "sluice.cli.entry"]
# What the process that a person starts has imported when the command has ended.
LIGHT = "import sys; from sluice.cli.entry import in_a_fork; code = in_a_fork(sys.argv[1:]); print(code, 'typer' in "
LIGHT += "sys.modules)"


def command(*words: str, script: str = "", **more: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", script, *words] if script else [*WORDS, *words]
    environment = {**os.environ, "PYTHONPATH": str(code.root())}
    return subprocess.run(argv, env=environment, text=True, capture_output=True, check=False, timeout=120, **more)  # type: ignore[call-overload, no-any-return]


def repository(path: Path) -> None:
    """Make a repository with one empty commit."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *words], cwd=path, check=True)


def children(settings: Settings) -> int:
    state = warm_client.ask(load(settings).warm_socket, seconds=60)
    assert state is not None
    return state.children


def test_the_caller_imports_next_to_nothing(stack: Settings) -> None:
    done = command("runs", script=LIGHT)
    assert (done.stdout.splitlines()[-1], done.stderr) == ("0 False", "")


def test_words_folder_streams_and_exit_code_are_the_callers(stack: Settings, tmp_path: Path) -> None:
    bad = command("run", "--ref", "--upload-pack=x", cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("REF_INVALID: ")
    elsewhere = command("run", cwd=tmp_path)
    assert elsewhere.returncode == 2
    assert str(tmp_path) in elsewhere.stderr
    assert "Usage: sluice report" in command("report", "--help").stdout


def test_nothing_is_imported_from_the_folder_it_is_called_in(stack: Settings, tmp_path: Path) -> None:
    for name in ("flows", "typer", "rich"):
        (tmp_path / f"{name}.py").write_text("open('imported', 'w').close()\nraise SystemExit(77)\n")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("sluice")), "runs"], cwd=tmp_path, capture_output=True, check=False
    )
    assert (done.returncode, (tmp_path / "imported").exists()) == (0, False)


def test_it_sees_the_terminal(stack: Settings) -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(code.root()), "TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen([*WORDS, "report", "--help"], env=environment, stdout=follower, stdin=follower) as process:
        os.close(follower)
        shown = b""
        while b"Usage" not in shown:
            shown += os.read(leader, 4096)
        os.close(leader)
        process.kill()
    assert b"\x1b[" in shown


def test_other_code_than_the_warm_process_has_is_run_apart(stack: Settings) -> None:
    before = warm_client.ask(load(stack).warm_socket, seconds=60)
    script = LIGHT.replace(
        "import sys;", "import sys; from sluice.services import fingerprint; fingerprint.fingerprint = lambda: 'x';"
    )
    assert command("runs", script=script).stdout == "None False\n"
    assert warm_client.ask(load(stack).warm_socket, seconds=60) == before


def test_without_services_the_command_runs_as_a_process_of_its_own(stack: Settings, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(code.root()), "SLUICE_HOME": str(tmp_path / "never")}
    done = subprocess.run([*WORDS, "runs"], env=environment, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr[:14]) == (20, "SERVICES_DOWN:")


def test_a_fork_starts_no_service_and_its_caller_does(stack: Settings, tmp_path: Path) -> None:
    supervisor = supervisord.supervisor_of(stack.home)
    repository(tmp_path)
    supervisor.stop(CADDY)
    forked = command("run", "--no-wait", script=LIGHT, cwd=tmp_path)
    assert forked.stdout == "125 False\n", "it did nothing, and said nothing"
    done = command("run", "--no-wait", cwd=tmp_path)
    assert (done.returncode, done.stdout[:4]) == (0, "run ")
    assert "everything is up" in done.stderr
    assert {info.name: info.state for info in supervisor.processes()}[CADDY] == "RUNNING"


def test_a_caller_that_is_killed_takes_its_fork_with_it(stack: Settings, tmp_path: Path) -> None:
    eventually(lambda: not children(stack), "the end of all runs", 120)
    repository(tmp_path)
    process = subprocess.Popen([*WORDS, "run"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(code.root())})
    try:
        eventually(lambda: children(stack), "a fork", 30)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    eventually(lambda: not children(stack), "the end of the fork, and of the run", 120)

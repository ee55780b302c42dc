"""The one door to outside programs.

Two layers. *Process*: an own process group, a time limit, TERM then KILL for the whole tree, output streamed and
bounded. *Policy*: the program resolved, the command logged with secrets masked, the exit code checked, the tail of
the output in the error. Lists only; nothing goes through a shell.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sluice import masks
from sluice.errors import CommandError, ToolMissingError
from sluice.process_tree import KILL_GRACE_SECONDS, end_tree, group_alive
from sluice.process_watch import Capture, LineSink, Meter
from sluice.tally import TALLY

__all__ = ["KILL_GRACE_SECONDS", "Completed", "LineSink", "held", "mask", "run"]

TAIL_LINES = 40
CAPTURE_LIMIT = 64 * 1024 * 1024  # bytes of output that are kept
MASKED_LINE = 8  # characters: shorter lines of a secret, a brace say, stand everywhere


@dataclass(frozen=True)
class Completed:
    """What an outside program did.

    Attributes:
        argv: the command as it was run.
        exit_code: as the shell would show it; `128 + n` when signal n ended it.
        signal: number of the signal that ended it, else None.
        timed_out: the time limit was reached and the process tree was ended.
        output: captured standard output (standard error too when merged), decoded, bounded.
        errors: captured standard error; empty when merged.
        seconds: wall time.
        cpu_seconds: user + system time of the whole tree.
        peak_memory_bytes: highest sampled sum of the tree's resident memory.
        truncated: output was longer than the limit.
    """

    argv: tuple[str, ...]
    exit_code: int
    signal: int | None
    timed_out: bool
    output: str
    errors: str
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    truncated: bool

    def tail(self, lines: int = TAIL_LINES) -> str:
        """Return the last lines of what the program printed, standard error last."""
        joined = self.output.splitlines() + self.errors.splitlines()
        return "\n".join(joined[-lines:])


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    log: LineSink | None = None,
    merge: bool = False,
    stdin: str | None = None,
    accept: Sequence[int] | None = (0,),
    secrets: Sequence[str] = (),
    grace: float = KILL_GRACE_SECONDS,
    daemonises: bool = False,
    keep: int = CAPTURE_LIMIT,
) -> Completed:
    """Run a program to its end.

    Args:
        argv: program and arguments; the program is looked up on `env`'s PATH.
        cwd: working directory.
        env: the whole environment of the child; None hands on ours.
        timeout: seconds after which the process tree is ended.
        log: gets each line of output as it comes, and the quoted command first.
        merge: send standard error into standard output.
        stdin: text for standard input; nothing when None.
        accept: exit codes that are no error; None accepts all.
        secrets: values that are masked in the log and in errors.
        grace: seconds between TERM and KILL.
        daemonises: what it leaves in its process group is wanted: a daemon that has not left the group yet.
        keep: bytes of output that are captured; the first ones go when more comes.

    Raises:
        ToolMissingError: the program is not there or cannot be executed.
        CommandError: the exit code is not accepted, or the time limit was reached.
    """
    words = [str(word) for word in argv]
    sink = _masked(log, secrets)
    if sink:
        sink("$ " + shlex.join(words))
    done = _process(words, cwd, env, timeout, sink, merge, stdin, grace, daemonises, keep)
    if done.timed_out and accept is not None:
        raise CommandError(
            f"{shlex.join(words[:3])} did not end within {timeout:g} s",
            code="TIMED_OUT",
            found=mask(done.tail(1), secrets),
            next_step="Raise the time limit, or look for what hangs in the log.",
        )
    if accept is not None and done.exit_code not in accept:
        raise CommandError(
            f"{mask(shlex.join(words[:4]), secrets)} ended with exit code {done.exit_code}",
            next_step=f"Its last lines:\n{mask(done.tail(12), secrets)}",
        )
    return done


def held(argv: Sequence[str | Path], errors: BinaryIO) -> subprocess.Popen[bytes]:
    """Start a program that lives until its standard input ends, by our closing it or by our own end.

    Args:
        errors: file that its standard error goes to; standard output is a pipe.

    Raises:
        ToolMissingError: the program is not there or cannot be executed.
    """
    words = [str(word) for word in argv]
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=errors, start_new_session=True)
    except (FileNotFoundError, PermissionError) as error:
        raise _missing(words[0], None, error) from error


def mask(text: str, secrets: Sequence[str]) -> str:
    """Return `text` with each secret value replaced by `***`; of one with several lines, each longer line too.

    The values that this process has read are replaced in every form that `sluice.masks` knows.
    """
    lines = [line for secret in secrets for line in secret.splitlines() if len(line) >= MASKED_LINE]
    for secret in sorted({*filter(None, secrets), *lines}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return masks.hide(text)


def _masked(log: LineSink | None, secrets: Sequence[str]) -> LineSink | None:
    if log is None or not secrets:
        return log
    return lambda line: log(mask(line, secrets))


def _process(
    words: list[str],
    cwd: Path | None,
    env: Mapping[str, str] | None,
    timeout: float | None,
    log: LineSink | None,
    merge: bool,
    stdin: str | None,
    grace: float,
    daemonises: bool,
    keep: int,
) -> Completed:
    started = time.monotonic()
    try:
        child = subprocess.Popen(
            words,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge else subprocess.PIPE,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise _missing(words[0], cwd, error) from error
    meter = Meter(child.pid)
    out, err = Capture(log, keep), Capture(log, keep)
    readers = [threading.Thread(target=out.read, args=(child.stdout,), daemon=True)]
    if child.stderr is not None:
        readers.append(threading.Thread(target=err.read, args=(child.stderr,), daemon=True))
    for reader in [*readers, meter]:
        reader.start()
    timed_out = False
    try:
        _feed(child, stdin)
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            end_tree(child.pid, grace)
            child.wait()
    except BaseException:  # a signal or Ctrl-C must not leave the tree behind
        end_tree(child.pid, grace=2.0)
        child.wait()
        raise
    finally:
        TALLY.add(started, time.monotonic())
        meter.stop()
        _end_stragglers(child.pid, readers, spare=daemonises)
    code = child.returncode
    return Completed(
        argv=tuple(words),
        exit_code=128 - code if code < 0 else code,
        signal=-code if code < 0 else None,
        timed_out=timed_out,
        output=out.text(),
        errors=err.text(),
        seconds=time.monotonic() - started,
        cpu_seconds=meter.cpu_seconds,
        peak_memory_bytes=meter.peak_bytes,
        truncated=out.truncated or err.truncated,
    )


def _missing(program: str, cwd: Path | None, error: OSError) -> ToolMissingError:
    if cwd is not None and not cwd.is_dir():
        return ToolMissingError("the working directory is gone", code="WORKSPACE_MISSING", found=cwd)
    return ToolMissingError(
        f"program {program} cannot be started ({error.strerror})",
        next_step=f"Install {Path(program).name}, or name it in a setting; `sluice doctor` shows what is used.",
    )


def _feed(child: subprocess.Popen[bytes], stdin: str | None) -> None:
    if stdin is None or child.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError):  # the program may end without reading it all
        child.stdin.write(stdin.encode())
        child.stdin.close()


def _end_stragglers(pgid: int, readers: list[threading.Thread], *, spare: bool) -> None:
    """Wait for the output's end; a daemon that holds the pipe open is killed with its group."""
    for reader in readers:
        reader.join(timeout=1.0)
    if not spare and group_alive(pgid):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pgid, signal.SIGKILL)
    for reader in readers:
        reader.join(timeout=5.0)

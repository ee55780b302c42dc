"""Runs one Python module in a fork of the warm process: `python -I -S launcher.py SOCKET MODULE [words…]`.

It stands in for the process that it asks for: same standard streams, signals handed on, same exit code. It imports
next to nothing, because every flow run and every command waits for its start: `json`, `signal` and `socket` take three
times as long as the interpreter, what they are made of nothing. Without a warm process it becomes a plain Python.
"""

import os
import sys
import time
from _json import encode_basestring_ascii as quoted
from _signal import SIG_DFL, SIGHUP, SIGINT, SIGKILL, SIGTERM, signal  # type: ignore[import-not-found]
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

STAND_ALONE = 125  # exit code of a child that may not do in a fork what is needed; it has done nothing yet
GRACE = 40.0  # seconds that an orphaned child has to end before it is killed


def main(path: str, words: list[str]) -> int | None:
    """Ask for `words` (module and arguments) to be run; return the exit code."""
    log_aside()
    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        become_python(words)
    request(connection, words)
    status = follow(connection)
    if status is None:
        become_python(words)
    return status


def request(connection: socket, words: list[str], **more: object) -> None:
    """Ask for `words` to be run here and now, on our standard streams. OSError: one of these is closed."""
    cwd = os.getcwd()  # noqa: PTH109 - pathlib is an import too many here
    body = as_json({"words": words, "cwd": cwd, "env": dict(os.environ), **more}).encode()
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))  # as C's `int`
    connection.sendmsg([len(body).to_bytes(8, "big")], [(SOL_SOCKET, SCM_RIGHTS, streams)])
    connection.sendall(body)


def as_json(value: object) -> str:
    """Return text, truth, a list or a dict of these as JSON."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(name)}: {as_json(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_json, value)) + "]"
    return quoted(value) if isinstance(value, str) else str(value).lower()


def log_aside() -> None:
    """Write to the file that SLUICE_FLOW_LOG names instead of the pipe to the worker, where it is set.

    A flow outlives its worker, and must not end because nobody reads what it prints.
    """
    path = os.environ.get("SLUICE_FLOW_LOG")
    if path:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        for stream in (1, 2):
            os.dup2(file, stream)
        os.close(file)


def follow(connection: socket, *, every: bool = False) -> int | None:
    """Hand signals on until the child has ended; return its exit code, or None when none was forked.

    The first signal counts, as with a process of one's own that cleans up; with `every`, each is handed on.
    """
    asked: list[int] = []

    def hand_on(number: int, _frame: object) -> None:
        if every or not asked:
            asked.append(number)
            connection.sendall(bytes([number]))

    before = {number: signal(number, hand_on) for number in (SIGTERM, SIGINT, SIGHUP)}
    pid = 0
    for name, number in answers(connection):
        if name == "exit":
            return end_as(number)
        pid = number
    if pid:
        return outlive(pid)
    for number, handler in before.items():
        signal(number, handler)
    return None


def answers(connection: socket) -> "Iterator[tuple[str, int]]":
    """Yield what the warm process tells, a line each: `{"pid": 7}`, and at the end `{"exit": 0}`."""
    told = b""
    while part := connection.recv(4096):
        *lines, told = (told + part).split(b"\n")
        for line in lines:
            name, _, number = line.decode().strip("{}").partition(":")
            yield name.strip('"'), int(number)


def end_as(code: int) -> int:
    """Return the exit code, or die of the signal that the child died of."""
    if code < 0:
        signal(-code, SIG_DFL) if -code != SIGKILL else None
        os.kill(os.getpid(), -code)
    return code


def outlive(pid: int) -> int:
    """The warm process is gone and its children were told to end; return when ours has."""
    deadline = time.monotonic() + GRACE
    while alive(pid):
        if time.monotonic() > deadline:
            os.kill(pid, SIGKILL)
        time.sleep(0.1)
    return 128 + int(SIGTERM)


def alive(pid: int) -> bool:
    """Tell whether the process exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - pathlib is an import too many here
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def become_python(words: list[str]) -> None:
    """Replace this process by a plain Python that runs the module."""
    os.execv(sys.executable, [sys.executable, "-m", *words])  # noqa: S606 - becoming it is the purpose


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

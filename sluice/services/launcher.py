"""Runs one Python module in a fork of the warm process: `python -I -S launcher.py SOCKET MODULE [words…]`.

It stands in for the process that it asks for: same standard streams, signals handed on, same exit code. It imports
next to nothing, because every flow run waits for its start. Without a warm process it becomes a plain Python.
"""

import json
import os
import signal
import socket
import sys
import time

STAND_ALONE = 125  # exit code of a child that may not do in a fork what is needed; it has done nothing yet
GRACE = 40.0  # seconds that an orphaned child has to end before it is killed


def main(path: str, words: list[str]) -> int | None:
    """Ask for `words` (module and arguments) to be run; return the exit code."""
    log_aside()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(path)
    except OSError:
        become_python(words)
    request(connection, words)
    status = follow(connection)
    if status is None:
        become_python(words)
    return status


def request(connection: socket.socket, words: list[str], **more: object) -> None:
    """Ask for `words` to be run here and now, on our standard streams. OSError: one of these is closed."""
    cwd = os.getcwd()  # noqa: PTH109 - pathlib is an import too many here
    body = json.dumps({"words": words, "cwd": cwd, "env": dict(os.environ), **more}).encode()
    socket.send_fds(connection, [len(body).to_bytes(8, "big")], [0, 1, 2])
    connection.sendall(body)


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


def follow(connection: socket.socket, *, every: bool = False) -> int | None:
    """Hand signals on until the child has ended; return its exit code, or None when none was forked.

    The first signal counts, as with a process of one's own that cleans up; with `every`, each is handed on.
    """
    asked: list[int] = []

    def hand_on(number: int, _frame: object) -> None:
        if every or not asked:
            asked.append(number)
            connection.sendall(bytes([number]))

    before = {number: signal.signal(number, hand_on) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    pid = 0
    with connection.makefile("rb") as answers:
        for line in answers:
            answer = json.loads(line)
            pid = answer.get("pid", pid)
            if "exit" in answer:
                return end_as(int(answer["exit"]))
    if pid:
        return outlive(pid)
    for number, handler in before.items():
        signal.signal(number, handler)
    return None


def end_as(code: int) -> int:
    """Return the exit code, or die of the signal that the child died of."""
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    return code


def outlive(pid: int) -> int:
    """The warm process is gone and its children were told to end; return when ours has."""
    deadline = time.monotonic() + GRACE
    while alive(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    return 128 + signal.SIGTERM


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

"""Where the `sluice` command starts: in a fork of the warm process when there is one, else in this process.

A second of imports is what a person waits for at each command; the warm process has done them. It takes only what runs
the very code that lies here, and only commands that neither start nor stop services nor need a terminal of their own.
Nothing is imported here that a fork does without.
"""

import os
import sys
from _socket import AF_UNIX, SOCK_DGRAM, SOCK_STREAM, socket

from sluice.services import launcher

FORKED = ("run", "rollback", "resume", "cancel", "runs", "report", "logs", "why", "diff", "lineage")
MODULE = "sluice.cli.forked"


def main() -> None:
    """Run the command line, and end with its exit code."""
    words = sys.argv[1:]
    if words and words[0] in FORKED:
        if words[0] == "run":
            announce()
        status = in_a_fork(words)
        if status is not None and status != launcher.STAND_ALONE:
            sys.exit(status)
    from sluice.cli.main import main as stand_alone

    stand_alone()


def announce() -> None:
    """Tell the worker that a run is about to be asked for; where none listens, a poll will find the run."""
    path = os.path.join(home(), "supervisor", "worker.sock")  # noqa: PTH118 - as below
    end = socket(AF_UNIX, SOCK_DGRAM)
    end.setblocking(False)
    try:
        end.sendto(b"?", path)
    except OSError:
        pass
    finally:
        end.close()


def in_a_fork(words: list[str]) -> int | None:
    """Return the exit code of the command line in a fork of the warm process; None when there is none to fork."""
    path = os.path.join(home(), "supervisor", "warm.sock")  # noqa: PTH118 - pathlib is an import too many here
    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        connection.connect(path)
        from sluice.services.fingerprint import fingerprint

        launcher.request(connection, [MODULE, *words], code=fingerprint(), interactive=True)
    except OSError:  # nobody listens, the path is too long for a socket, or a standard stream is closed
        return None
    return launcher.follow(connection, every=True)


def home() -> str:
    """Return the directory of all state, as `sluice.settings` does on Linux; elsewhere nobody listens there."""
    state = os.environ.get("XDG_STATE_HOME", "").strip() or os.path.expanduser("~/.local/state")  # noqa: PTH111
    return os.environ.get("SLUICE_HOME") or os.path.join(state, "sluice")  # noqa: PTH118


if __name__ == "__main__":
    main()

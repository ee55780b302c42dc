"""The way to an engine at `ssh://`: a socket here that leads to the engine's own there, as long as this process lives.

The system's `ssh` carries it, so keys, agents and `~/.ssh/config` count as everywhere. There no `docker` is needed.
"""

from __future__ import annotations

import atexit
import os
import re
import select
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from sluice.command import held
from sluice.config.docker import EngineSsh
from sluice.errors import InfrastructureError, TransientError
from sluice.tools.programs import find

READY = "sluice-tunnel"
REMOTE = "/var/run/docker.sock"
SECONDS = 30.0  # until the other machine lets us in
PREFIX = "sluice-ssh-"
OPTIONS = (
    *("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ExitOnForwardFailure=yes"),
    *("-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=15", "-o", "StreamLocalBindMask=0177", "-T"),
)
_UNKNOWN = re.compile(r"Host key verification failed|HOST IDENTIFICATION HAS CHANGED|host key is known", re.IGNORECASE)
_STRANGER = re.compile(r"Permission denied|Too many authentication failures|no such identity", re.IGNORECASE)


class HostKeyError(InfrastructureError):
    """The machine of an engine shows a host key that nobody has confirmed, or another than before."""

    code = "ENGINE_HOST_KEY"
    next_step = (
        "Compare its key with the machine's own, then add it to the known_hosts that is used "
        "(`docker.ssh.known_hosts`, else ~/.ssh/known_hosts). Where it has changed, find out why first."
    )


class SshRefusedError(InfrastructureError):
    """The machine of an engine does not let us in."""

    code = "ENGINE_LOGIN"
    next_step = "Look at user and key (`docker.ssh.key`, else ~/.ssh/config); nothing can be typed in here."


class SshDownError(TransientError):
    """The machine of an engine cannot be reached, or does not lead on to its engine."""

    code = "ENGINE_DOWN"
    next_step = "Try it by hand: `ssh HOST docker version`. The account needs the engine's socket and forwarding."


class Tunnel:
    """An open way; `socket` is the end that is here."""

    def __init__(self, where: str, ssh: EngineSsh | None = None) -> None:
        """Open it.

        Raises:
            ToolMissingError: there is no `ssh`.
            HostKeyError: the other machine's key is unknown, or has changed.
            SshRefusedError: it does not let us in.
            SshDownError: it cannot be reached.
        """
        program = find("ssh")
        _sweep()
        self.where = where
        self._owner = os.getpid()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.socket = self._folder / "s"
        self._errors = self._folder / "errors"
        with self._errors.open("wb") as errors:
            self._program = held([str(program), *_words(where, self.socket, ssh)], errors)
        atexit.register(self.close)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Tell whether it still leads there."""
        return self._program.poll() is None

    def words(self) -> str:
        """Return what `ssh` said last; empty: nothing."""
        lines = self._errors.read_text("utf-8", "replace").split("\n") if self._errors.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        """Close it: the program ends when its standard input does. A forked child leaves it alone."""
        atexit.unregister(self.close)
        if os.getpid() != self._owner:
            return
        for end in (self._program.stdin, self._program.stdout):
            if end is not None:
                with suppress(OSError):
                    end.close()
        self._program.terminate()
        self._program.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self) -> None:
        """Wait for the word that the other machine says once we are in."""
        said, deadline = b"", time.monotonic() + SECONDS
        assert self._program.stdout is not None
        while READY.encode() not in said:
            left = deadline - time.monotonic()
            heard = select.select([self._program.stdout], [], [], max(0.0, left))[0]
            more = os.read(self._program.stdout.fileno(), 4096) if heard else b""
            if not more:
                raise self._problem("it said nothing in time" if not heard else "ssh ended")
            said += more

    def _problem(self, otherwise: str) -> InfrastructureError:
        with suppress(OSError):
            self._program.terminate()
            self._program.wait()
        text = self._errors.read_text("utf-8", "replace")
        if _UNKNOWN.search(text):
            return HostKeyError(
                "the host key of the engine's machine is not known", where=self.where, found=self.words()
            )
        if _STRANGER.search(text):
            return SshRefusedError("the engine's machine does not let us in", where=self.where, found=self.words())
        return SshDownError("the engine's machine cannot be reached", where=self.where, found=self.words() or otherwise)


def _words(where: str, socket: Path, ssh: EngineSsh | None) -> list[str]:
    parts = urlsplit(where)
    declared: list[str] = []
    if ssh is not None and ssh.key:
        declared += ["-i", ssh.key, "-o", "IdentitiesOnly=yes"]
    if ssh is not None and ssh.known_hosts:
        declared += ["-o", f"UserKnownHostsFile={ssh.known_hosts}", "-o", "GlobalKnownHostsFile=/dev/null"]
    account = [*(("-l", parts.username) if parts.username else ()), *(("-p", str(parts.port)) if parts.port else ())]
    way = ["-L", f"{socket}:{parts.path.rstrip('/') or REMOTE}"]
    stays = f"echo {READY} && exec cat >/dev/null"  # `cat` ends with our end of its input, and the way with it
    return [*OPTIONS, *declared, *account, *way, "--", parts.hostname or "", stays]


def _sweep() -> None:
    """Remove the folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)

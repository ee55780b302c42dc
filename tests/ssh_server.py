"""An ssh server of our own on 127.0.0.1: own host key, own account key, own known_hosts; nothing of ~/.ssh is used."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

from sluice.config.docker import EngineSsh
from tests.docker_parts import until


@dataclass
class SshServer:
    """A running server; `folder` holds its keys and ours."""

    folder: Path
    port: int

    @property
    def ssh(self) -> EngineSsh:
        """How a client is to reach it."""
        return EngineSsh(key=str(self.folder / "mine"), known_hosts=str(self.folder / "known_hosts"))

    def where(self, remote: str) -> str:
        """Address of an engine whose socket is at `remote` there."""
        return f"ssh://{getuser()}@127.0.0.1:{self.port}{remote}"

    def know(self, key: str = "host") -> Path:
        """Write the known_hosts in which the server has this key."""
        public = " ".join((self.folder / f"{key}.pub").read_text().split()[:2])
        path = self.folder / "known_hosts"
        path.write_text(f"[127.0.0.1]:{self.port} {public}\n")
        return path


@contextmanager
def running_ssh(folder: Path) -> Iterator[SshServer]:
    """Run a server that lets one key in."""
    program = shutil.which("sshd")
    assert program, "the docker tier needs sshd: apt-get install openssh-server (.ci/run does)"
    for name in ("host", "mine", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text((folder / "mine.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "ListenAddress": "127.0.0.1",
        "Port": port,
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": folder / "pid",
        "UsePAM": "no",
        "StrictModes": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # its own, for the part without rights
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([program, "-D", "-e", "-f", folder / "config"], stdout=output, stderr=output)
    server = SshServer(folder, port)
    server.know()
    try:
        until(lambda: _listens(port), process, log)
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""supervisord itself: its configuration, its start in the background, its end."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil

from sluice import command
from sluice.errors import InfrastructureError
from sluice.services import sockets
from sluice.services.credentials import write_private
from sluice.services.environment import system_env
from sluice.settings import Home
from sluice.tools.supervisor import Supervisor, conf_value

START_SECONDS = 15.0
STOP_SECONDS = 150.0
MARK = "SLUICE_SERVICES_OF"  # in the environment of supervisord: finds what is ours after a crash

CONFIGURATION = """\
; Written by `sluice up`. Services and replicas are in conf.d.
[unix_http_server]
file={socket}
chmod=0700

[supervisord]
logfile={logs}/supervisord.log
logfile_maxbytes=10MB
logfile_backups=2
pidfile={folder}/supervisord.pid
childlogdir={logs}
directory={root}
umask=022
minfds=1024
{user}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files=conf.d/*.conf
"""


def supervisor_of(home: Home) -> Supervisor:
    """Return the process manager of `home`, running or not."""
    return Supervisor(sockets.folder(home) / "supervisor.sock")


def start(home: Home) -> Supervisor:
    """Start supervisord in the background and return once it answers; it starts all groups that are written down.

    Raises:
        InfrastructureError: `SUPERVISOR_NOT_STARTED`.
        CommandError: it refused its configuration.
    """
    folder = sockets.make(home)
    (folder / "conf.d").mkdir(mode=0o700, exist_ok=True)
    configuration = folder / "supervisord.conf"
    write_private(configuration, _configuration(home, folder))
    argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)]
    command.run(argv, env={**system_env(), MARK: str(home.root)}, cwd=home.root, timeout=START_SECONDS, daemonises=True)
    supervisor = Supervisor(folder / "supervisor.sock")
    deadline = time.monotonic() + START_SECONDS
    while supervisor.pid() is None:
        if time.monotonic() > deadline:
            raise InfrastructureError(
                "the process manager did not start",
                code="SUPERVISOR_NOT_STARTED",
                where=str(home.service_logs / "supervisord.log"),
            )
        time.sleep(0.02)
    return supervisor


def stop(supervisor: Supervisor) -> None:
    """Stop every program and supervisord itself; return when it has ended.

    Raises:
        InfrastructureError: `SUPERVISOR_NOT_STOPPED`.
    """
    pid = supervisor.pid()
    if pid is None:
        return
    process = psutil.Process(pid)
    supervisor.shutdown()
    try:
        process.wait(STOP_SECONDS)
    except psutil.TimeoutExpired as error:
        raise InfrastructureError(
            f"the process manager did not end within {STOP_SECONDS:g} s", code="SUPERVISOR_NOT_STOPPED", found=pid
        ) from error


def _configuration(home: Home, folder: Path) -> str:
    return CONFIGURATION.format(
        socket=conf_value(folder / "supervisor.sock"),
        logs=conf_value(home.service_logs),
        folder=conf_value(folder),
        root=conf_value(home.root),
        user="user=root\n" if os.geteuid() == 0 else "",
    )

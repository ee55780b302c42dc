"""Ports of the services on 127.0.0.1: preferred, else free; never one that another program holds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import psutil

from sluice.errors import InfrastructureError
from sluice.targets.ports import free_ports, is_free


class PortTakenError(InfrastructureError):
    """Another program listens where a service of ours must."""

    code = "PORT_TAKEN"


@dataclass(frozen=True)
class PortWish:
    """What is known of a service's port before it starts.

    Attributes:
        service: name for people, e.g. `Postgres`.
        setting: variable that moves it, e.g. `SLUICE_POSTGRES_PORT`.
        asked: the setting's value, if it is set.
        saved: the port of earlier starts, if there were any.
        preferred: tried first when nothing is asked or saved.
    """

    service: str
    setting: str
    asked: int | None
    saved: int | None
    preferred: int


def pick(wish: PortWish, avoid: Collection[int], *, running: bool) -> int:
    """Return the port for a service.

    Args:
        wish: what is asked, saved and preferred.
        avoid: ports that other services of ours have.
        running: the service runs already on the saved port, which is therefore not free.

    Raises:
        PortTakenError: the asked or saved port is held by another program.
    """
    fixed = wish.asked or wish.saved
    if fixed is None:
        if wish.preferred not in avoid and is_free(wish.preferred):
            return wish.preferred
        return free_ports(1, avoid)[0]
    if running and fixed == wish.saved:
        return fixed
    if not is_free(fixed):
        raise taken(wish, fixed)
    return fixed


def taken(wish: PortWish, port: int) -> PortTakenError:
    """Return the error that names the port, who holds it and the setting that moves it."""
    return PortTakenError(
        f"port {port} of {wish.service} is taken",
        where=f"127.0.0.1:{port}",
        found=holder(port),
        allowed="a free port",
        next_step=f"Stop that program, or move {wish.service}: {wish.setting}=PORT sluice up.",
    )


def refuse_stranger(wish: PortWish, port: int, pid: int | None) -> None:
    """Refuse a port on which a program listens that is neither process `pid` nor one below it.

    A port is chosen before its service binds it: what answers there need not be ours.

    Raises:
        PortTakenError: another program listens there. Who it is cannot be seen of other users' programs; those pass.
    """
    ours: set[int] = set()
    if pid is not None and psutil.pid_exists(pid):
        ours = {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}
    if any(each not in ours for each in _listeners(port) if each is not None):
        raise taken(wish, port)


def holder(port: int) -> str:
    """Return pid and name of the program that listens on `port`, as far as they can be seen."""
    for pid in _listeners(port):
        if pid is None:
            return "a program of another user"
        try:
            return f"pid {pid} ({psutil.Process(pid).name()})"
        except psutil.NoSuchProcess:
            return f"pid {pid}"
    return "an unknown program"


def _listeners(port: int) -> list[int | None]:
    return [
        connection.pid
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
    ]

"""A port on which somebody else's program listens is not ours, whatever it answers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sluice.services.addresses import port_wish
from sluice.services.ports import PortTakenError, refuse_stranger
from sluice.targets.ports import free_ports

LISTENER = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def listener() -> Iterator[tuple[int, int]]:
    """A real program that listens: its port and pid."""
    port = free_ports(1)[0]
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        yield port, process.pid
        process.kill()


def test_a_stranger_is_named_with_the_setting_that_moves_us(listener: tuple[int, int]) -> None:
    port, stranger = listener
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ours:
        with pytest.raises(PortTakenError, match=f"port {port} of the Prefect server is taken") as caught:
            refuse_stranger(port_wish("prefect", None, port, 4200), port, ours.pid)
        ours.kill()
    assert f"pid {stranger} (" in str(caught.value)
    assert "SLUICE_PREFECT_PORT=PORT sluice up" in str(caught.value)


@pytest.mark.parametrize("pid", [None, 2**22 + 1])
def test_a_service_that_does_not_run_holds_no_port(listener: tuple[int, int], pid: int | None) -> None:
    with pytest.raises(PortTakenError):
        refuse_stranger(port_wish("caddy", None, None, 2019), listener[0], pid)


def test_the_service_itself_and_what_it_started_are_no_strangers(listener: tuple[int, int]) -> None:
    port, pid = listener
    for ours in (pid, os.getpid()):
        refuse_stranger(port_wish("postgres", None, port, 5433), port, ours)


def test_a_free_port_is_nobodys() -> None:
    refuse_stranger(port_wish("caddy", None, None, 2019), free_ports(1)[0], None)

"""Free ports are free, different, and not where the kernel puts outgoing connections."""

from __future__ import annotations

import socket

import pytest

from sluice.errors import InfrastructureError
from sluice.targets import ports
from sluice.targets.ports import RANGE, free_ports, is_free


def test_they_are_free_and_different() -> None:
    found = free_ports(20)

    assert len(set(found)) == 20
    assert all(port in RANGE and is_free(port) for port in found)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        assert not is_free(other.getsockname()[1])


def test_what_is_to_be_avoided_is_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "RANGE", range(20000, 20003))
    monkeypatch.setattr(ports, "is_free", lambda port: True)

    assert set(free_ports(2, avoid={20001})) == {20000, 20002}
    with pytest.raises(InfrastructureError, match="PORTS_USED_UP"):
        free_ports(3, avoid={20001})

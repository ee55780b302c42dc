"""Whose processor time is watched: the replicas' where they run here, nobody's where they run elsewhere."""

from __future__ import annotations

import os

from flows.release import smoke_request
from sluice.config.docker import DockerConfig, EngineTls
from sluice.config.model import Environment
from sluice.records.deploy import DeployRequest
from sluice.records.smoke import Copies
from sluice.targets.processor import spent
from tests import factories


def test_processes_of_this_machine_are_counted() -> None:
    used = spent(Copies(pids=(os.getpid(),)))
    assert used is not None
    assert used > 0.1


def test_what_is_not_known_is_not_nothing() -> None:
    assert spent(Copies()) is None


def test_an_engine_behind_a_network_keeps_this_machine_free() -> None:
    tls = EngineTls(ca="/a.pem", cert="/b.pem", key="/c.pem")
    assert spent(Copies(names=("a",), docker=DockerConfig(engine="tcp://host:2376", tls=tls))) == 0.0


def test_the_smoke_test_is_told_the_replicas() -> None:
    deployed = factories.deploy(target="docker")
    order = DeployRequest(environment="staging", declaration=Environment(target="docker"), release=factories.release())
    copies = smoke_request(order, deployed).copies
    assert copies.pids == tuple(each.pid for each in deployed.replicas)
    assert copies.names == tuple(each.name for each in deployed.replicas)
    assert copies.docker == order.declaration.docker
    assert smoke_request(order, factories.deploy()).copies.docker is None

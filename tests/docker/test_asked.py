"""A command of a release in a container of its own, as migrations run: with secrets, ended in time, removed."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import pytest

from sluice.targets.base import Launch, Said
from tests.deploy_parts import wait_for
from tests.docker_city import MEMORY, DockerCity

pytestmark = pytest.mark.docker
SECRETS = {"TOKEN": "correct horse 'battery'"}


def asked(city: DockerCity, words: Sequence[str], seconds: float) -> Said:
    release = city.images.release("one")
    request = city.request(release)
    assert request.service is not None
    launch = Launch(
        project="greeter",
        environment="staging",
        deployment_id="0a1b2c3d",
        release=release,
        service=request.service,
        declaration=request.declaration,
    )
    return city.target.ask(launch, SECRETS, words, seconds)


def test_a_command_has_what_a_replica_has_and_leaves_nothing(city: DockerCity) -> None:
    script = (
        'echo "$TOKEN; $SLUICE_ENVIRONMENT"; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max'
    )
    said = asked(city, ["sh", "-c", f"{script} 2>/dev/null; id -u; exit 3"], 60.0)

    assert said.exit_code == 3
    assert said.output.split("\n")[0] == f"{SECRETS['TOKEN']}; staging"
    assert said.output.split()[-2:] == [str(MEMORY), "65534"]
    assert (city.containers(), city.volumes()) == ([], [])


def test_a_command_that_takes_too_long_is_ended(city: DockerCity) -> None:
    assert asked(city, ["sleep", "600"], 1.0).exit_code is None
    assert (city.containers(), city.volumes()) == ([], [])


def test_the_command_of_a_run_that_died_is_ended_by_the_next_and_its_secrets_are_gone(city: DockerCity) -> None:
    def running() -> bool:
        with city.images.engine.client() as client:
            return bool(client.api.containers(filters={"label": "io.sluice.once"}))

    pid = os.fork()
    if pid == 0:
        try:
            asked(city, ["sleep", "600"], 500.0)
        finally:
            os._exit(1)
    wait_for(running, "the command's container", 60)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert len(city.volumes()) == 1, "its secrets are there still"

    city.target.end_asked("greeter", "staging", "whatever")

    assert (city.containers(), city.volumes()) == ([], [])

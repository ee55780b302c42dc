"""An engine at `ssh://`: build, deploy, logs and rollback as on the usual socket; who is not known is named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sluice.config.docker import DockerConfig, EngineSsh
from sluice.config.model import Environment
from sluice.errors import InfrastructureError
from sluice.targets.docker_engine import Engine as Target
from sluice.tools.docker.engine import connect
from tests.deploy_parts import Parts, get, wait_for
from tests.docker_city import DockerCity, Images
from tests.docker_parts import BUSYBOX, Engine
from tests.image_parts import Yard
from tests.planted import VALUE
from tests.postgres_server import TEMPLATE
from tests.ssh_server import SshServer, running_ssh

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with running_ssh(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture(autouse=True)
def known(ssh: SshServer) -> None:
    ssh.know()


def socket_of(engine: Engine) -> str:
    return engine.url.removeprefix("unix://")


class FarCity(DockerCity):
    """The same environment, its engine reached by ssh."""

    ssh: SshServer

    def declaration(self, **declared: Any) -> Environment:
        near = super().declaration(**declared)
        far = {"engine": self.ssh.where(socket_of(self.images.engine)), "ssh": self.ssh.ssh}
        return near.model_copy(update={"docker": near.docker.model_copy(update=far)})


@pytest.fixture
def far(parts: Parts, images: Images, ssh: SshServer, tmp_path: Path) -> Iterator[FarCity]:
    FarCity.ssh = ssh
    with parts.postgres.database(TEMPLATE) as database:
        city = FarCity(tmp_path, parts.socket, parts.admin, database, images)
        try:
            yield city
        finally:
            city.clear()
            city.engine.dispose()


def test_a_deploy_its_logs_and_a_rollback(far: FarCity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAR_TOKEN", VALUE)
    one = far.release(far.images.release("one"), secrets={"TOKEN": "env:FAR_TOKEN"})
    assert (get(far.url), far.serving()) == ((200, "one"), "one")
    assert one.replicas[0].memory_limit_bytes == far.declaration().memory
    (replicas,) = far.target.sets("greeter", "staging")
    told = {name: content for name, content in far.target.readable(replicas) if isinstance(content, bytes)}
    assert VALUE.encode() in told["the log of replica 1"], "the server prints its variables"
    far.release(far.images.release("two"))
    assert far.rollback(to=one.release.digest).passed
    assert far.serving() == "one"


def test_a_build_with_a_secret(
    yard: Yard, ssh: SshServer, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Builds go by ~/.ssh/config; a config of our own stands for it."""
    config = f"IdentityFile {ssh.ssh.key}\nIdentitiesOnly yes\nUserKnownHostsFile {ssh.ssh.known_hosts}\n"
    (tmp_path / "config").write_text(config)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/ssh"
    program.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {tmp_path}/config "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", ssh.where(socket_of(engine)))
    monkeypatch.setenv("FAR_TOKEN", VALUE)
    mount = "--mount=type=secret,id=token,required"
    text = f"FROM {BUSYBOX}\nRUN {mount} test -s /run/secrets/token && echo {yard.name} > /made\n"
    record = yard.make({"Dockerfile": text}, secrets={"token": "env:FAR_TOKEN"})
    assert record.release.digest == yard.registry.digest(yard.name, "latest")
    assert "handed secret token to the build" in yard.log


def unknown(server: SshServer) -> EngineSsh:
    (server.folder / "known_hosts").write_text("")
    return server.ssh


def changed(server: SshServer) -> EngineSsh:
    server.know("stranger")
    return server.ssh


def stranger(server: SshServer) -> EngineSsh:
    return server.ssh.model_copy(update={"key": str(server.folder / "stranger")})


@pytest.mark.parametrize(
    ("how", "code"),
    [(unknown, "ENGINE_HOST_KEY"), (changed, "ENGINE_HOST_KEY"), (stranger, "ENGINE_LOGIN")],
    ids=["unknown host key", "changed host key", "unknown key of ours"],
)
def test_who_is_not_known_is_named(
    ssh: SshServer, engine: Engine, how: Callable[[SshServer], EngineSsh], code: str
) -> None:
    where = ssh.where(socket_of(engine))
    with pytest.raises(InfrastructureError) as caught:
        connect(where, ssh=how(ssh))
    assert (caught.value.code, caught.value.where, caught.value.transient) == (code, where, False)


def test_no_engine_behind_the_way_is_named(ssh: SshServer, tmp_path: Path) -> None:
    where = ssh.where(str(tmp_path / "no.sock"))
    with pytest.raises(InfrastructureError, match="ENGINE_DOWN: the engine's machine does not lead on to it") as caught:
        connect(where, ssh=ssh.ssh)
    assert "open failed" in str(caught.value.found)
    with pytest.raises(InfrastructureError, match="ENGINE_DOWN: the engine's machine cannot be reached"):
        connect("ssh://127.0.0.1:1", ssh=ssh.ssh)


def test_a_way_that_is_cut_is_made_again_and_ends_with_us(ssh: SshServer, engine: Engine) -> None:
    config = DockerConfig(engine=ssh.where(socket_of(engine)), ssh=ssh.ssh)
    first = Target(config)
    tunnel = first._api.tunnel
    assert tunnel is not None
    tunnel._program.kill()
    wait_for(lambda: not tunnel.alive, "the end of the way")
    again = Target(config)
    assert again.containers({"io.sluice.home": "nobody"}) == []
    assert again._api.tunnel is not tunnel
    again._api.close()
    assert not again._api.tunnel.alive
    assert not again._api.tunnel.socket.parent.exists()

"""An engine that hangs in mid-deploy, one whose disk is full, and one that lets only those in who have certificates."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sluice.config.docker import DockerConfig, EngineTls
from sluice.errors import Exit, SluiceError
from sluice.targets import docker_engine
from tests.deploy_parts import Load, free_port, get, wait_for
from tests.docker_city import DockerCity
from tests.docker_parts import BUSYBOX, Engine, busybox_tar, load, running_engine
from tests.image_parts import Yard

pytestmark = pytest.mark.docker

SHORT = 10.0  # seconds that the engine is waited for here


@contextmanager
def impatience() -> Iterator[None]:
    """Wait for an engine for a short time only."""
    docker_engine._clients.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docker_engine, "TIMEOUT", SHORT)
        try:
            yield
        finally:
            docker_engine._clients.clear()


def test_an_engine_that_hangs_in_the_middle_of_a_deploy_is_not_waited_for(city: DockerCity) -> None:
    city.release(city.images.release("one"))
    before = len(city.containers())
    never = city.images.release("never", "unhealthy")
    process = city.images.engine.process
    assert process is not None
    ended: list[SluiceError] = []

    def deploy() -> None:
        try:
            city.release(never, start_timeout=60.0)
        except SluiceError as error:
            ended.append(error)

    with Load(city.url, rate=20) as load:
        with impatience():
            thread = threading.Thread(target=deploy)
            thread.start()
            wait_for(lambda: len(city.containers()) == 2 * before, "the new containers", 60)
            os.kill(process.pid, signal.SIGSTOP)
            try:
                thread.join(120)
                assert not thread.is_alive()
                load.wait_for(5)
            finally:
                os.kill(process.pid, signal.SIGCONT)
        city.settle()

    assert [(error.code, error.exit_code) for error in ended] == [("ENGINE_DOWN", Exit.INFRASTRUCTURE)]
    assert set(load.answers) == {(200, "one")}
    assert city.serving() == "one"
    assert set(city.states()) <= {"serving", "failed", "interrupted"}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Engine]:
    """An engine whose data are on a disk of 24 MiB."""
    data = tmp_path / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "small", data], check=True)
    try:
        with running_engine("--data-root", data) as running:
            yield running
    finally:
        subprocess.run(["umount", "--recursive", "--lazy", data], check=True)


def test_a_full_disk_of_the_engine_is_named_at_build_and_at_pull(
    small: Engine, yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"Dockerfile": f"FROM {BUSYBOX}\nCOPY big /big\n", "big": random.Random(7).randbytes(20_000_000).hex()}
    big = yard.make(files)
    load(small, busybox_tar(tmp_path / "base.tar"), BUSYBOX)
    monkeypatch.setenv("DOCKER_HOST", small.url)

    with pytest.raises(SluiceError) as at_build:
        yard.make(files | {"Dockerfile": f"FROM {BUSYBOX}\nCOPY big /other\n"})
    with pytest.raises(SluiceError) as at_pull:
        docker_engine.Engine(DockerConfig(engine=small.url)).pull(big.release.reference)

    for caught in (at_build, at_pull):
        assert (caught.value.code, caught.value.exit_code) == ("ENGINE_DISK_FULL", Exit.INFRASTRUCTURE)
    with small.client() as client:
        assert client.containers.list(all=True) == []
        assert [image.tags for image in client.images.list()] == [[BUSYBOX]], "nothing half is left"


class Authority:
    """Signs certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.key, self.certificate = self.sign("ca", authority=True)

    def sign(self, name: str, *, authority: bool = False) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """Make a key and a certificate, as files too."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if authority else self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(key if authority else self.key, hashes.SHA256())
        )
        plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / f"{name}.key").write_bytes(plain)
        (self.folder / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
        return key, made

    def client(self, ca: Path) -> EngineTls:
        """Return what a client with a certificate of this authority declares, who believes `ca`."""
        self.sign("client")
        return EngineTls(ca=str(ca), cert=str(self.folder / "client.pem"), key=str(self.folder / "client.key"))


def test_an_engine_at_tcp_lets_in_who_has_its_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")  # is about other servers
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    ours.sign("server")
    port, place = free_port(), ours.folder
    own = ("--tlsverify", "--tlscacert", place / "ca.pem", "--tlscert", place / "server.pem", "--tlskey")
    ca = place / "ca.pem"
    with running_engine("-H", f"tcp://127.0.0.1:{port}", *own, place / "server.key") as engine:
        load(engine, busybox_tar(tmp_path / "base.tar"), BUSYBOX)
        where = f"tcp://127.0.0.1:{port}"

        let_in = docker_engine.Engine(DockerConfig(engine=where, tls=ours.client(ca)))
        assert let_in.image(BUSYBOX)

        for tls in (theirs.client(ca), ours.client(theirs.folder / "ca.pem")):
            began = time.monotonic()
            with pytest.raises(SluiceError) as caught:
                docker_engine.Engine(DockerConfig(engine=where, tls=tls))
            assert caught.value.code == "ENGINE_TLS"
            assert where in str(caught.value)
            assert time.monotonic() - began < 60
        assert get(f"http://127.0.0.1:{port}/_ping")[0] != 200, "nobody is let in without TLS"

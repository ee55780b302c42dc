"""Real parts for the docker tier: a Docker engine and a registry of its own, and base images made without a network.

Nothing of the machine's own engine is touched: data, sockets, containerd, bridge and addresses are this engine's.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpx

BUSYBOX, PYTHON = "sluice-test/busybox:1", "sluice-test/python:1"
USER, PASSWORD = "builder", "correct-horse-battery"
# bcrypt of PASSWORD, the one form of htpasswd that the registry reads.
LOGIN = f"{USER}:$2b$04$abcdefghijklmnopqrstuupOWRSKKNe562z1DsLEArFuJDHVyRIMa"
BRIDGES = 100  # engines that may run at once on one machine
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
TYPES = ", ".join(
    (
        MANIFEST,
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    )
)
READY_SECONDS = 60.0


def until(ready: Any, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `ready()` is true; a process that ended, or is not ready in time, is shown with its log."""
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        assert process.poll() is None, f"{process.args!r} ended:\n{log.read_text()[-4000:]}"
        assert time.monotonic() < deadline, f"{process.args!r} is not ready:\n{log.read_text()[-4000:]}"
        time.sleep(0.05)


@dataclass
class Engine:
    """A running dockerd; `url` is what DOCKER_HOST would be."""

    folder: Path
    bridge: str
    number: int
    more: tuple[str | Path, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of its socket."""
        return f"unix://{self.folder}/s"

    @property
    def version(self) -> str:
        """Version that it names."""
        with self.client() as client:
            return str(client.version()["Version"])

    @contextmanager
    def client(self) -> Iterator[docker.DockerClient]:
        """Open a client with a connection of its own."""
        with closing(docker.DockerClient(base_url=self.url, version="auto", timeout=120)) as client:
            yield client

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = shutil.which("dockerd")
        assert program, "the docker tier needs dockerd: apt-get install docker.io (.ci/run does)"
        assert os.geteuid() == 0, "the docker tier starts an engine, which takes root"
        (self.folder / "none.json").write_text("{}")  # else it would read the machine's own
        pool = f"base=198.19.{self.number}.0/24,size=28"
        words = [
            *("--data-root", self.folder / "data", "--exec-root", self.folder / "exec", "-H", self.url),
            *("--pidfile", self.folder / "pid", "--config-file", self.folder / "none.json"),
            *(
                "--containerd-namespace",
                f"sluice-{self.number}",
                "--containerd-plugins-namespace",
                f"slp-{self.number}",
            ),
            *("--bridge", self.bridge, "--iptables=false", "--ip-masq=false", "--default-address-pool", pool),
            *self.more,
        ]
        log = self.folder / "log"
        with log.open("ab") as output:
            self.process = subprocess.Popen([program, *words], stdout=output, stderr=output, start_new_session=True)
        until(self._answers, self.process, log)

    def _answers(self) -> bool:
        """Ask with a socket of our own: the SDK leaves those open that do not connect."""
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(self.folder / "s"))
            probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return probe.recv(64).startswith(b"HTTP/1.0 200")
        return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it as a machine would (TERM), or as a crash would (KILL)."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)

    def close(self) -> None:
        """Stop it, and remove its containers, mounts and files."""
        with suppress(docker.errors.DockerException), self.client() as client:
            for container in client.containers.list(all=True):
                with suppress(docker.errors.APIError):
                    container.remove(force=True, v=True)
        self.stop()
        with suppress(OSError, ValueError):
            os.kill(int((self.folder / "exec/containerd/containerd.pid").read_text()), signal.SIGTERM)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((each for each in mounts if each.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=True)


@contextmanager
def running_engine(*more: str | Path) -> Iterator[Engine]:
    """Run a Docker engine of our own: no network outside this machine, no rule in its firewall.

    `more` are words for its command line.
    """
    folder = Path(tempfile.mkdtemp(prefix="sluice-docker-"))  # short: the path of a socket has at most 107 bytes
    with own_bridge() as (bridge, number):
        engine = Engine(folder, bridge, number, more)
        try:
            engine.start()
            yield engine
        finally:
            engine.close()
            shutil.rmtree(folder)


@contextmanager
def own_bridge() -> Iterator[tuple[str, int]]:
    """Make a network bridge that no other engine has; addresses are of the range kept for such tests (RFC 2544)."""
    for number in range(BRIDGES):
        name = f"sluice{number}"
        made = subprocess.run(
            ["ip", "link", "add", name, "type", "bridge"], check=False, capture_output=True, text=True
        )
        if made.returncode == 0:
            break
        assert "File exists" in made.stderr, made.stderr
    else:
        raise AssertionError(f"{BRIDGES} bridges of earlier tests are there: ip link delete sluice0 …")
    try:
        subprocess.run(["ip", "address", "add", f"198.18.{number}.1/24", "dev", name], check=True)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        yield name, number
    finally:
        subprocess.run(["ip", "link", "delete", name], check=True)


@dataclass(frozen=True)
class Registry:
    """A running registry; `login` is what it asks for, empty: nothing."""

    host: str
    folder: Path
    login: tuple[str, str] | None = None

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request of the registry's API."""
        headers = {"Accept": TYPES, **more.pop("headers", {})}
        url = f"http://{self.host}/v2/{path}"
        return httpx.request(method, url, headers=headers, auth=self.login, trust_env=False, timeout=30, **more)

    def digest(self, repository: str, tag: str) -> str:
        """Return the digest of what a tag names, taken from the bytes themselves."""
        answer = self.ask("GET", f"{repository}/manifests/{tag}")
        assert answer.status_code == 200, answer.text
        digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        assert answer.headers["Docker-Content-Digest"] == digest
        return digest

    def manifest(self, repository: str, reference: str) -> dict[str, Any]:
        """Return a manifest or an index."""
        answer = self.ask("GET", f"{repository}/manifests/{reference}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository, in order; none when it is not there."""
        answer = self.ask("GET", f"{repository}/tags/list")
        return sorted(answer.json().get("tags") or []) if answer.status_code == 200 else []

    def tag(self, repository: str, digest: str, tag: str) -> None:
        """Let a tag name a manifest that is there."""
        found = self.ask("GET", f"{repository}/manifests/{digest}")
        kind = {"Content-Type": found.headers["Content-Type"]}
        put = self.ask("PUT", f"{repository}/manifests/{tag}", content=found.content, headers=kind)
        assert put.status_code == 201, put.text


@contextmanager
def running_registry(login: tuple[str, str] | None = None) -> Iterator[Registry]:
    """Run a registry on a free port, with a login when one is given (USER and PASSWORD)."""
    program = shutil.which("docker-registry")
    assert program, "the docker tier needs a registry: apt-get install docker-registry (.ci/run does)"
    folder = Path(tempfile.mkdtemp(prefix="sluice-registry-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "htpasswd").write_text(LOGIN + "\n")
    settings: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": host, "secret": "of these tests"},
    }
    if login:
        settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(json.dumps(settings))  # JSON is YAML
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=output, stderr=output)
    registry = Registry(host, folder, login)

    def answers() -> bool:
        with suppress(httpx.TransportError):
            return registry.ask("GET", "").status_code == 200
        return False

    try:
        until(answers, process, log)
        yield registry
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


def busybox_tar(path: Path) -> Path:
    """Write a root file system with busybox alone (2 MB)."""
    program = shutil.which("busybox")
    assert program, "the docker tier needs busybox: apt-get install busybox-static (.ci/run does)"
    with tarfile.open(path, "w") as tar:
        _add_busybox(tar, Path(program).resolve())
    return path


def python_tar(path: Path) -> Path:
    """Write a root file system with busybox and the Python that runs these tests, standard library and all (60 MB)."""
    program = shutil.which("busybox")
    assert program, "the docker tier needs busybox: apt-get install busybox-static (.ci/run does)"
    interpreter = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    with tarfile.open(path, "w") as tar:
        _add_busybox(tar, Path(program).resolve())
        tar.add(interpreter, interpreter.relative_to("/").as_posix())
        tar.add(library, library.relative_to("/").as_posix(), filter=_needed)
        for found in _libraries([interpreter, *library.glob("lib-dynload/*.so")]):
            tar.add(found.resolve(), found.relative_to("/").as_posix())
        _link(tar, "usr/local/bin/python3", str(interpreter))
        _link(tar, "usr/local/bin/python", str(interpreter))
    return path


def _add_busybox(tar: tarfile.TarFile, program: Path) -> None:
    for folder, mode in (("tmp", 0o1777), ("etc", 0o755), ("bin", 0o755), ("root", 0o755), ("usr/bin", 0o755)):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        tar.addfile(entry)
    users = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    entry = tarfile.TarInfo("etc/passwd")
    entry.size = len(users)
    tar.addfile(entry, io.BytesIO(users))
    tar.add(program, "bin/busybox")
    listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for name in sorted(set(listed) - {"busybox"}):
        _link(tar, f"bin/{name}", "busybox")
    _link(tar, "usr/bin/env", "/bin/busybox")


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)


def _needed(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    unneeded = {"site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip"}
    parts = set(entry.name.split("/"))
    return None if parts & unneeded or entry.name.endswith((".pyc", ".a")) else entry


def _libraries(programs: list[Path]) -> list[Path]:
    """Return the shared libraries that programs need, the loader among them."""
    printed = subprocess.run(["ldd", *programs], check=False, capture_output=True, text=True).stdout
    words = [word for line in printed.splitlines() if line.startswith("\t") for word in line.split()]
    return sorted({Path(word) for word in words if word.startswith("/")})


def load(engine: Engine, archive: Path, name: str) -> str:
    """Make an image of a root file system and return its id."""
    repository, _, tag = name.rpartition(":")
    changes = ["ENV PATH=/usr/local/bin:/usr/bin:/bin"]
    with engine.client() as client:
        printed = client.api.import_image_from_file(str(archive), repository=repository, tag=tag, changes=changes)
    return str(json.loads(printed.strip().splitlines()[-1])["status"])

"""An environment on a real Docker engine: small images that behave as they are told, and the moves of runs in it."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sluice.config.docker import DockerConfig
from sluice.config.model import Environment, Service
from sluice.records.build import Release
from sluice.records.common import ArtifactRef
from sluice.records.deploy import DeployRequest, RollbackRecord, RollbackRequest
from sluice.releases.provenance import KEY, PAYLOAD, sign, signing_key, statement_of
from sluice.releases.tags import SHORT
from sluice.stages.rollback import rollback
from sluice.states import StageName
from sluice.targets.base import Target
from sluice.targets.chosen import Targets
from sluice.tools.docker.referrers import attach, fallback_tag
from sluice.tools.docker.registry import Registry as Client
from tests.deploy_parts import SERVER, City, get
from tests.docker_parts import PYTHON, Engine, Registry

MEMORY = 96 << 20
DOCKERFILE = f"""FROM {PYTHON}
COPY server.py /server.py
EXPOSE 8080
USER 65534
CMD ["python3", "/server.py", "8080"]
"""


class Images:
    """Makes the image of a release once: a server of a name and a behaviour, pushed to the registry and signed."""

    def __init__(self, engine: Engine, registry: Registry) -> None:
        self.secrets = registry.folder / "secrets"
        self.engine = engine
        self.registry = registry
        self.repository = f"{registry.host}/greeter"
        self._made: dict[tuple[str, str], Release] = {}

    def release(self, name: str, behaviour: str = "good") -> Release:
        """Return the release whose image is a server of this name and behaviour."""
        key = (name, behaviour)
        if key not in self._made:
            self._made[key] = self._make(name, behaviour)
        return self._made[key]

    def _make(self, name: str, behaviour: str) -> Release:
        return self.build(name, behaviour, self.server(name, behaviour))

    def server(self, name: str, behaviour: str = "good") -> str:
        """Return the program of an image."""
        return SERVER.format(behaviour=behaviour, name=name).replace('("127.0.0.1", int', '("0.0.0.0", int')

    def build(self, name: str, behaviour: str, server: str) -> Release:
        """Make the image of a program and push it, under the tag of a commit that its name stands for."""
        words = re.sub(r"[^\w.-]+", "-", f"{name}-{behaviour}")
        commit = hashlib.sha256(words.encode()).hexdigest()[:40]
        tag = f"{words}-{commit[:SHORT]}"
        digest = self.push(tag, server)
        manifest = ArtifactRef(name="manifest.json", sha256=digest.removeprefix("sha256:"), size=1)
        release = Release(
            digest=digest,
            kind="image",
            project="greeter",
            version=f"{name}+{behaviour}",
            commit=commit,
            artifact=manifest,
            repository=self.repository,
            tags=(tag,),
        )
        self.sign(release)
        return release

    def push(self, tag: str, server: str) -> str:
        """Make the image of a program, push it under a tag and return its digest; nobody signs it."""
        context = _tar({"Dockerfile": DOCKERFILE, "server.py": server})
        with self.engine.client() as client:
            client.images.build(fileobj=context, custom_context=True, tag=f"{self.repository}:{tag}", rm=True)
            for line in client.api.push(self.repository, tag, stream=True, decode=True):
                assert "error" not in line, line
        return self.registry.digest("greeter", tag)

    def forget(self, release: Release) -> None:
        """Let the engine no longer have the image of a release."""
        with self.engine.client() as client:
            for name in (release.reference, *(f"{release.repository}:{tag}" for tag in release.tags)):
                client.images.remove(name, force=True)

    def sign(self, release: Release, key: Path | None = None, **other: str) -> None:
        """Let the product sign where an image is from; what lay beside it before is gone.

        Args:
            key: folder of the key, when it is not the usual one.
            other: `digest` or `commit` that the word is about instead.
        """
        names = {self.repository, release.repository}
        facts = {
            "external": {"commit": other.get("commit", release.commit)},
            "internal": {},
            "dependencies": [],
            **{"run": "run-of-tests", "started": "", "ended": "", "versions": {}},
        }
        statement = statement_of(self.repository, other.get("digest", release.digest), facts)
        statement["subject"] = [{**statement["subject"][0], "name": name} for name in sorted(names)]
        self.take_word_away(release)
        with Client(self.repository) as client:
            envelope = sign(statement, signing_key(key or self.secrets))
            attach(client, client.need_manifest(release.digest), PAYLOAD, envelope)

    def take_word_away(self, release: Release) -> None:
        """Let nothing lie beside an image."""
        tag = f"greeter/manifests/{fallback_tag(release.digest)}"
        found = self.registry.ask("GET", tag)
        if found.status_code == 200:
            digest = found.headers["Docker-Content-Digest"]
            assert self.registry.ask("DELETE", f"greeter/manifests/{digest}").status_code == 202


def _tar(files: dict[str, str]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    buffer.seek(0)
    return buffer


class DockerCity(City):
    """One environment whose replicas are containers."""

    def __init__(self, root: Path, socket_path: Path, admin: str, database: str, images: Images) -> None:
        self.images = images
        super().__init__(root, socket_path, admin, database)
        self.home.secrets.mkdir(parents=True, exist_ok=True)
        signing_key(images.secrets)
        shutil.copy(images.secrets / KEY, self.home.secrets / KEY)  # images are made once for all environments

    def make_target(self) -> Target:
        """Return the target that the product chooses by declaration."""
        return Targets(self.home, super().make_target())

    def declaration(self, **declared: Any) -> Environment:
        docker = DockerConfig(engine=self.images.engine.url, **declared.pop("docker", {}))
        return Environment(
            **{"target": "docker", "replicas": self.replicas, "memory": MEMORY, "docker": docker, **declared}
        )

    def request(self, release: Release, **declared: Any) -> DeployRequest:
        service = Service(
            start_timeout=declared.pop("start_timeout", 60.0),
            stop_timeout=declared.pop("stop_timeout", 3.0),
            reads_data=declared.pop("reads_data", ()),
        )
        return DeployRequest(
            environment="staging", declaration=self.declaration(**declared), release=release, service=service
        )

    def rollback(self, bad: Release | None = None, to: str | None = None, broken: bool = False) -> RollbackRecord:
        assert not broken, "what a release answers is its image's here"
        asked = RollbackRequest(
            environment="staging",
            declaration=self.declaration(),
            bad=bad,
            to_digest=to,
            reason="smoke failed",
            requested_by="test",
        )
        with self.place(StageName.ROLLBACK) as place:
            return rollback(asked, place, self.world)

    def containers(self) -> list[str]:
        """Names of all containers of this environment, in order; ended ones and holders of secrets too."""
        with self.images.engine.client() as client:
            mine = client.api.containers(all=True, filters={"label": "io.sluice.project=greeter"})
            return sorted(each["Names"][0].lstrip("/") for each in mine)

    def volumes(self) -> list[str]:
        """Names of all volumes of this environment."""
        with self.images.engine.client() as client:
            return sorted(each.name for each in client.volumes.list(filters={"label": "io.sluice.project=greeter"}))

    def serving(self) -> str:
        """Name of the release that the users get; fails when it is not exactly one, or anything else is left."""
        (replicas,) = self.target.sets("greeter", "staging")
        seen = self.target.observe(replicas)
        healthy = [(each.release_digest, each.healthy) for each in seen]
        assert healthy == [(replicas.release.digest, True)] * self.replicas
        assert self.containers() == sorted(replicas.program(number) for number in range(1, self.replicas + 1))
        assert self.volumes() == ([replicas.group] if replicas.private else [])
        site = self.world.site("greeter", "staging", self.lines.append)
        assert self.caddy.answered_by(site.route, "/healthz") == tuple(sorted(replicas.addresses))
        status, name = get(self.url)
        assert (status, replicas.release.version.partition("+")[0]) == (200, name)
        return name


@contextmanager
def running_docker_city(
    root: Path, socket_path: Path, admin: str, database: str, images: Images
) -> Iterator[DockerCity]:
    city = DockerCity(root, socket_path, admin, database, images)
    try:
        yield city
    finally:
        city.clear()
        city.engine.dispose()

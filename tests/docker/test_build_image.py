"""An image is built by a real engine, pushed to a real registry, and is what the record says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import uuid4

import docker

from sluice.tools.docker.registry import digest_of
from tests.docker_parts import Registry
from tests.image_parts import FILES, Yard


def test_an_image_is_what_its_record_says(yard: Yard, registry: Registry, client: docker.DockerClient) -> None:
    # An engine that built the same before says when it built that: what no other test built is made in this run.
    source = yard.commit(FILES | {"app.sh": f"echo hello # {uuid4()}\n"})
    before = datetime.now(UTC)
    record = yard.build(yard.request(source))
    image = record.image
    assert image is not None
    assert record.release.kind == "image"
    assert record.release.reference == f"{yard.repository}@{record.release.digest}"
    tags = (f"main-{source.commit[:12]}", "latest")
    assert image.tags == tags
    provenance = f"sha256-{record.release.digest.removeprefix('sha256:')}"  # where referrers are not known
    assert registry.tags(yard.name) == sorted((*tags, provenance))
    assert {registry.digest(yard.name, tag) for tag in tags} == {record.release.digest}
    assert record.release.digest == record.read_back_digest == image.pushed_digest
    assert digest_of(
        yard.home.root.joinpath("artifacts").rglob(record.release.artifact.sha256).__next__().read_bytes()
    ) == (record.release.digest)
    manifest = registry.manifest(yard.name, "latest")
    assert [(layer.digest, layer.size) for layer in image.layers] == [
        (each["digest"], each["size"]) for each in manifest["layers"]
    ]
    assert [layer.from_base for layer in image.layers] == [True, False, False]
    config = json.loads(registry.ask("GET", f"{yard.name}/blobs/{manifest['config']['digest']}").content)
    assert image.labels == config["config"]["Labels"]
    assert image.labels["org.opencontainers.image.revision"] == source.commit == record.revision
    assert image.labels["org.opencontainers.image.source"] == "https://git.example/team/greeter.git"
    assert image.labels["io.sluiceway.run"] == "run-1"
    assert image.size == manifest["config"]["size"] + sum(each["size"] for each in manifest["layers"])
    assert before <= record.created_at <= record.ended_at
    assert (image.builder, record.secrets, [each.platform for each in image.platforms]) == (
        "buildkit",
        (),
        ["linux/amd64"],
    )
    assert image.base_name == "sluice-test/busybox:1"
    assert image.base_digest == client.images.get("sluice-test/busybox:1").id
    pulled = client.images.pull(yard.repository, tag=record.release.digest)
    assert client.containers.run(pulled, remove=True) == b"hello\n"


def test_steps_tell_what_was_cached(yard: Yard) -> None:
    yard.make()
    again = yard.build(yard.request(yard.commit()))
    assert again.image is not None
    assert again.image.cached, again.image.steps
    assert all(step.cached for step in again.image.steps)
    changed = yard.make(FILES | {"app.sh": "echo changed\n"})
    assert changed.image is not None
    told = {step.name.partition("] ")[2]: step.cached for step in changed.image.steps}
    assert told["RUN echo made > /made"]
    assert told["COPY app.sh /app.sh"] is False
    assert "RUN echo made > /made: CACHED" in yard.log

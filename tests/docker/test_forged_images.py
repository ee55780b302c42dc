"""What is changed in the registry between push and deploy: the deploy takes the bytes of the digest, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.errors import DeployFailedError
from sluice.records.build import Release
from tests.deploy_parts import Load
from tests.docker_city import DockerCity

pytestmark = pytest.mark.docker


def blob(city: DockerCity, digest: str) -> Path:
    """Return the file in which the registry keeps a blob or a manifest."""
    name = digest.removeprefix("sha256:")
    return city.images.registry.folder / f"data/docker/registry/v2/blobs/sha256/{name[:2]}/{name}/data"


def one_byte_flipped(city: DockerCity, release: Release) -> None:
    layer = city.images.registry.manifest("greeter", release.digest)["layers"][-1]["digest"]
    data = bytearray(blob(city, layer).read_bytes())
    data[len(data) // 2] ^= 1
    blob(city, layer).write_bytes(data)


def another_image_under_the_digest(city: DockerCity, release: Release) -> None:
    other = city.images.release("other")
    blob(city, release.digest).write_bytes(blob(city, other.digest).read_bytes())


@pytest.mark.parametrize("attack", [one_byte_flipped, another_image_under_the_digest])
def test_other_bytes_than_the_digest_says_are_refused(
    city: DockerCity, attack: Callable[[DockerCity, Release], None]
) -> None:
    city.release(city.images.release("one"))
    wanted = city.images.release(attack.__name__[:10].replace("_", "-"))
    with city.images.engine.client() as client:
        for name in (wanted.reference, f"{wanted.repository}:{wanted.version.replace('+', '-')}"):
            client.images.remove(name, force=True)
    attack(city, wanted)

    with Load(city.url, rate=20) as load, pytest.raises(DeployFailedError) as caught:
        city.release(wanted)

    assert caught.value.code == "DIGEST_MISMATCH"
    assert wanted.reference in str(caught.value)
    assert set(load.answers) == {(200, "one")}
    assert city.serving() == "one"


def test_a_tag_that_was_moved_does_not_move_the_deploy(city: DockerCity) -> None:
    city.release(city.images.release("one"))
    wanted, other = city.images.release("tagged"), city.images.release("bad", "unhealthy")
    city.images.registry.tag("greeter", other.digest, "tagged-good")
    assert city.images.registry.digest("greeter", "tagged-good") == other.digest

    record = city.release(wanted)

    assert record.running_digests == (wanted.digest,)
    assert city.serving() == "tagged"

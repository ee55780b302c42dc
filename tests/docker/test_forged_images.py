"""What is changed in the registry between push and deploy: the deploy takes the bytes of the digest, or nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.errors import DeployFailedError, Exit, SluiceError
from sluice.records.build import Release
from sluice.tools.docker import registry_session
from tests.boundaries import caught, check
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


def test_other_bytes_than_the_digest_says_are_refused(city: DockerCity) -> None:
    city.release(city.images.release("one"))
    wanted = city.images.release("flipped")
    city.images.forget(wanted)
    one_byte_flipped(city, wanted)

    with Load(city.url, rate=20) as load, pytest.raises(DeployFailedError) as refused:
        city.release(wanted)

    assert refused.value.code == "DIGEST_MISMATCH"
    assert wanted.reference in str(refused.value)
    assert set(load.answers) == {(200, "one")}
    assert city.serving() == "one"


@pytest.mark.parametrize("tagged", [True, False], ids=["tagged", "no tag is known"])
def test_another_image_under_the_digest_is_refused(city: DockerCity, *, tagged: bool) -> None:
    city.release(city.images.release("one"))
    wanted, other = city.images.release(f"replaced {tagged}"), city.images.release("other")
    city.images.forget(wanted)
    blob(city, wanted.digest).write_bytes(blob(city, other.digest).read_bytes())

    if tagged:
        caught(city.deploy(wanted), "D01", wanted.digest, other.digest, release_digest=wanted.digest)
    else:
        with pytest.raises(DeployFailedError, match="DIGEST_MISMATCH"):
            city.release(wanted.model_copy(update={"tags": ()}))

    assert city.serving() == "one"


def taken_away(city: DockerCity, wanted: Release, _other: Release, _tmp: Path) -> str:
    city.images.take_word_away(wanted)
    return "PROVENANCE_REFUSED: the image has no provenance"


def of_another_image(city: DockerCity, wanted: Release, other: Release, _tmp: Path) -> str:
    city.images.sign(wanted, digest=other.digest)
    return "PROVENANCE_REFUSED: the provenance is about another image"


def of_another_commit(city: DockerCity, wanted: Release, other: Release, _tmp: Path) -> str:
    city.images.sign(wanted, commit=other.commit)
    return f"it is of commit {other.commit}"


def of_somebody_else(city: DockerCity, wanted: Release, _other: Release, tmp: Path) -> str:
    city.images.sign(wanted, key=tmp / "key")
    return "PROVENANCE_REFUSED: the provenance is not signed by this Sluice"


@pytest.mark.parametrize("attack", [taken_away, of_another_image, of_another_commit, of_somebody_else])
def test_d01_an_image_whose_provenance_does_not_hold_is_not_started(
    city: DockerCity, tmp_path: Path, attack: Callable[[DockerCity, Release, Release, Path], str]
) -> None:
    city.release(city.images.release("one"))
    wanted, other = city.images.release("signed"), city.images.release("other")
    observed = attack(city, wanted, other, tmp_path)
    begun = city.steps()

    with Load(city.url, rate=20) as load:
        record = city.deploy(wanted)

    stop = caught(record, "D01", f"provenance of {wanted.reference}", observed, release_digest=wanted.digest)
    assert stop.name == "RUNNING_DIGEST"
    assert not record.passed
    assert city.steps() == begun, "nothing was begun"
    assert set(load.answers) == {(200, "one")}
    assert city.serving() == "one"
    city.images.sign(wanted)
    assert "D01" not in {each.code for each in check(city.release(wanted), release_digest=wanted.digest).stops}
    assert city.serving() == "signed"


def test_a_registry_that_does_not_answer_is_no_pass(city: DockerCity, monkeypatch: pytest.MonkeyPatch) -> None:
    city.release(city.images.release("one"))
    monkeypatch.setattr(registry_session, "FIRST_PAUSE", 0.01)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        unheard = f"127.0.0.1:{nobody.getsockname()[1]}/greeter"
        with pytest.raises(SluiceError, match=f"REGISTRY_BROKEN: .* failed 5 times, at {unheard}") as refused:
            city.release(city.images.release("two").model_copy(update={"repository": unheard}))
    assert refused.value.exit_code == Exit.INFRASTRUCTURE
    assert city.serving() == "one"

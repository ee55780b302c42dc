"""The chain of digests under attack: whatever is changed in the registry after the build is refused by name."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.records.build import BuildRecord
from sluice.releases.provenance import PAYLOAD, sign, signing_key
from sluice.releases.verify import verify
from sluice.tools.docker.referrers import attach, attached, fallback_tag
from sluice.tools.docker.registry import Registry as Client
from tests.docker_parts import Registry
from tests.image_parts import FILES, Yard


def problems(yard: Yard, record: BuildRecord) -> dict[str, str]:
    """Verify an image; return what does not hold."""
    with Client(yard.repository) as client:
        proofs = verify(client, record.release.digest, record.release.commit, record.release.tags, yard.home.secrets)
    branch = f"main-{record.release.commit[:12]}"
    assert [each.name for each in proofs] == ["bytes", "tag v1.0.0", f"tag {branch}", "provenance"]
    return {each.name.replace(branch, "main"): each.problem for each in proofs if each.problem}


def release(yard: Yard, text: str) -> BuildRecord:
    source = yard.commit(FILES | {"app.sh": text})
    return yard.build(yard.request(source).model_copy(update={"version_tags": ("v1.0.0",)}))


def flip_a_byte(yard: Yard, registry: Registry, record: BuildRecord, _other: BuildRecord) -> None:
    assert record.image is not None
    digest = record.image.layers[-1].digest.removeprefix("sha256:")
    path = registry.folder / f"data/docker/registry/v2/blobs/sha256/{digest[:2]}/{digest}/data"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def move_the_tag(yard: Yard, registry: Registry, record: BuildRecord, other: BuildRecord) -> None:
    registry.tag(yard.name, other.release.digest, "v1.0.0")


def another_image_under_the_manifest(yard: Yard, registry: Registry, record: BuildRecord, other: BuildRecord) -> None:
    blobs = registry.folder / "data/docker/registry/v2/blobs/sha256"
    mine, theirs = (each.release.digest.removeprefix("sha256:") for each in (record, other))
    (blobs / mine[:2] / mine / "data").write_bytes((blobs / theirs[:2] / theirs / "data").read_bytes())


def swap_the_attestation(yard: Yard, registry: Registry, record: BuildRecord, other: BuildRecord) -> None:
    """Let the other image's provenance, truly signed, stand beside this one."""
    with Client(yard.repository) as client:
        (theirs,) = attached(client, other.release.digest, PAYLOAD)
        registry.ask(
            "DELETE", f"{yard.name}/manifests/{registry.digest(yard.name, fallback_tag(record.release.digest))}"
        )
        attach(client, client.need_manifest(record.release.digest), PAYLOAD, theirs)


def sign_with_another_key(yard: Yard, registry: Registry, record: BuildRecord, other: BuildRecord) -> None:
    with Client(yard.repository) as client:
        (mine,) = attached(client, record.release.digest, PAYLOAD)
        statement = json.loads(base64.b64decode(json.loads(mine)["payload"]))
        forged = sign(statement, signing_key(yard.tmp / "of-somebody-else"))
        attach(client, client.need_manifest(record.release.digest), PAYLOAD, forged)


def take_the_attestation_away(yard: Yard, registry: Registry, record: BuildRecord, other: BuildRecord) -> None:
    registry.ask("DELETE", f"{yard.name}/manifests/{registry.digest(yard.name, fallback_tag(record.release.digest))}")


Attack = Callable[[Yard, Registry, BuildRecord, BuildRecord], None]


@pytest.mark.parametrize(
    ("attack", "refused"),
    [
        (flip_a_byte, {"bytes": "DIGEST_MISMATCH: the registry gives other bytes than their digest says"}),
        (move_the_tag, {"tag v1.0.0": "TAG_MOVED: the tag names another image now"}),
        (
            another_image_under_the_manifest,
            {"bytes": "DIGEST_MISMATCH", "tag v1.0.0": "TAG_MOVED", "tag main": "TAG_MOVED"},
        ),
        (swap_the_attestation, {"provenance": "PROVENANCE_REFUSED: the provenance is about another image"}),
        (sign_with_another_key, {"provenance": "PROVENANCE_REFUSED: the provenance is not signed by this Sluice"}),
        (take_the_attestation_away, {"provenance": "PROVENANCE_REFUSED: the image has no provenance"}),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_what_is_changed_after_the_build_is_refused(
    yard: Yard, registry: Registry, attack: Attack, refused: dict[str, str]
) -> None:
    other = yard.make(FILES | {"app.sh": f"echo other {yard.name}\n"})
    record = release(yard, f"echo {yard.name}\n")
    assert problems(yard, record) == {}
    attack(yard, registry, record, other)
    found = problems(yard, record)
    assert set(found) == set(refused)
    assert [name for name, start in refused.items() if not found[name].startswith(start)] == [], found


def test_the_provenance_tells_what_sluice_knows_itself(yard: Yard) -> None:
    record = release(yard, "echo a\n")
    with Client(yard.repository) as client:
        (envelope,) = attached(client, record.release.digest, PAYLOAD)
    (kept,) = [each for each in record.artifacts if each.name == "provenance.dsse.json"]
    assert next((yard.home.root / "artifacts").rglob(kept.sha256)).read_bytes() == envelope
    statement = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    assert statement["subject"] == [
        {"name": yard.repository, "digest": {"sha256": record.release.digest.removeprefix("sha256:")}}
    ]
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["commit"] == record.revision
    assert definition["externalParameters"]["image"]["repository"] == yard.repository
    assert [each["uri"] for each in definition["resolvedDependencies"]] == [
        "git+https://git.example/team/greeter.git",
        "sluice-test/busybox:1",
    ]
    key: Path = yard.home.secrets / "provenance.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600

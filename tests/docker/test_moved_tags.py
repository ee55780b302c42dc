"""A tag of an image is moved between its push and its deploy: told by name; who did it honestly is let through."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.records.build import Release
from sluice.records.deploy import DeployRecord
from sluice.tools.docker import registry_session
from tests.boundaries import caught, check, result
from tests.deploy_parts import Load
from tests.docker_city import DockerCity
from tests.registry_front import Answer, running_front

pytestmark = pytest.mark.docker
VERSION = "v1.0.0"


def to_another_commit(city: DockerCity, _wanted: Release, tag: str, _tmp: Path) -> tuple[str, str]:
    other = city.images.release("other")
    city.images.registry.tag("greeter", other.digest, tag)
    return other.digest, f"signed by this Sluice: commit {other.commit}"


def to_an_image_that_nobody_signed(city: DockerCity, _wanted: Release, tag: str, _tmp: Path) -> tuple[str, str]:
    return city.images.push(tag, city.images.server(f"unsigned for {tag}")), "the image has no provenance"


def to_an_image_that_somebody_else_signed(city: DockerCity, wanted: Release, tag: str, tmp: Path) -> tuple[str, str]:
    digest = city.images.push(tag, city.images.server(f"forged for {tag}"))
    city.images.sign(wanted.model_copy(update={"digest": digest}), key=tmp / "key")
    return digest, "the provenance is not signed by this Sluice"


def to_another_build_of_a_version(city: DockerCity, wanted: Release, tag: str, _tmp: Path) -> tuple[str, str]:
    return built_again(city, wanted, tag), f"signed by this Sluice: commit {wanted.commit}"


def built_again(city: DockerCity, wanted: Release, tag: str) -> str:
    """Build the commit of a release again, as `sluice run --fresh` does, and move its tag."""
    digest = city.images.push(tag, city.images.server(f"again for {tag}"))
    city.images.sign(wanted.model_copy(update={"digest": digest}))
    return digest


def verdict(record: DeployRecord) -> str:
    """What the boundary saw of D01 in a deploy that it accepts."""
    report = check(record, release_digest=record.release.digest)
    assert report.accepted, [each.message for each in report.stops]
    return str(result(report, "D01").observed)


@pytest.mark.parametrize(
    ("move", "version"),
    [
        (to_another_commit, False),
        (to_an_image_that_nobody_signed, False),
        (to_an_image_that_somebody_else_signed, False),
        (to_another_build_of_a_version, True),
    ],
)
def test_d01_a_tag_that_names_another_image_is_refused(
    city: DockerCity,
    tmp_path: Path,
    move: Callable[[DockerCity, Release, str, Path], tuple[str, str]],
    version: bool,
) -> None:
    city.release(city.images.release("one"))
    wanted = city.images.release(f"t-{move.__name__[3:]}")
    if version:
        city.images.registry.tag("greeter", wanted.digest, VERSION)
        wanted = wanted.model_copy(update={"tags": (VERSION, *wanted.tags)})
    digest, whose = move(city, wanted, wanted.tags[0], tmp_path)
    begun = city.steps()

    with Load(city.url, rate=20) as load:
        record = city.deploy(wanted)
        load.wait_for(3)

    stop = caught(record, "D01", f"tag {wanted.tags[0]} to name {wanted.digest}", digest, release_digest=wanted.digest)
    assert "TAG_MOVED: the tag names another image now" in stop.observed
    assert whose in stop.observed
    assert city.steps() == begun, "nothing was begun"
    assert set(load.answers) == {(200, "one")}
    assert city.serving() == "one"


def test_a_commit_that_was_built_again_moves_its_tag_honestly(city: DockerCity) -> None:
    wanted = city.images.release("twice")
    assert f"tag {wanted.tags[0]} names it" in verdict(city.release(wanted))
    digest = built_again(city, wanted, wanted.tags[0])

    record = city.release(wanted)

    assert f"names {digest} now, another build of the same commit" in verdict(record)
    assert city.serving() == "twice"


@pytest.mark.parametrize("tag", ["", VERSION], ids=["of-a-branch", "of-a-version"])
def test_a_tag_that_was_cleaned_away_stops_nothing_and_is_told(city: DockerCity, tag: str) -> None:
    wanted = city.images.release(f"cleaned{tag}")
    gone = tag or wanted.tags[0]
    shutil.rmtree(
        city.images.registry.folder / f"data/docker/registry/v2/repositories/greeter/_manifests/tags/{gone}",
        ignore_errors=bool(tag),
    )

    record = city.release(wanted.model_copy(update={"tags": (gone,)}))

    told = verdict(record)
    assert f"tag {gone} is gone" in told or f"what tag {gone} names is not known: TAG_GONE" in told
    assert city.serving() == wanted.version.partition("+")[0]


def test_a_registry_that_says_nothing_of_a_tag_is_told_as_not_known(
    city: DockerCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_session, "FIRST_PAUSE", 0.01)
    wanted = city.images.release("silent")
    (tag,) = wanted.tags
    with running_front(
        city.images.registry, lambda _, path: path.endswith(f"/manifests/{tag}"), [Answer(503)] * 5
    ) as front:
        behind = wanted.model_copy(update={"repository": f"{front.host}/greeter"})
        city.images.sign(behind)
        record = city.release(behind)
        assert front.asked == 5

    assert f"what tag {tag} names is not known: REGISTRY_BROKEN: " in verdict(record)
    assert city.serving() == "silent"


def test_a_rollback_is_not_held_up_by_a_moved_tag_and_tells_it(city: DockerCity, tmp_path: Path) -> None:
    good, bad = city.images.release("before"), city.images.release("after")
    city.release(good)
    city.release(bad)
    digest, whose = to_an_image_that_nobody_signed(city, good, good.tags[0], tmp_path)

    record = city.rollback(bad)

    assert record.passed
    assert city.serving() == "before"
    (told,) = record.moved_tags
    assert told.startswith("TAG_MOVED: the tag names another image now")
    assert digest in told
    assert whose in told
    assert record.headline().endswith("a tag of it was moved")
    city.forget_fences()

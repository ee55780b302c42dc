"""The lies after the build, each beside its honest twin."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sluice.records.build import PlatformCheck
from sluice.records.image import BuildStep
from sluice.states import CheckStatus
from tests.boundaries import believed, caught, check, result
from tests.factories import (
    COMMIT,
    DIGEST,
    ENDED,
    NOW,
    OTHER_COMMIT,
    OTHER_DIGEST,
    OTHER_TREE,
    STARTED,
    TREE,
    build,
    facts,
    image_build,
    later,
    release,
)


def test_an_honest_build_is_believed() -> None:
    report = believed(build())
    expected = dict.fromkeys(("B01", "B09", "B04", "B06", "B02", "B03", "B07", "B08"), CheckStatus.PASSED)
    assert {each.code: each.status for each in report.results} == expected | {
        "B02": CheckStatus.NOT_APPLICABLE,
        "B05": CheckStatus.NOT_ENOUGH_HISTORY,
    }
    assert result(report, "B03").observed == "linux/amd64"
    assert result(report, "B08").expected == "any interpreter, as nothing was built before"


def test_a_release_of_one_file_is_believed() -> None:
    believed(build(inspected_files=1))


def test_a_reproducible_build_may_date_its_release_by_the_commit() -> None:
    believed(build(created_at=facts().committed_at))


def test_b01_what_was_read_back_is_something_else() -> None:
    caught(build(read_back_digest=OTHER_DIGEST), "B01", DIGEST, OTHER_DIGEST)


@pytest.mark.parametrize("lie", [{"built_tree": OTHER_TREE}, {"tested_tree": OTHER_TREE}], ids=["built", "tested"])
def test_b09_another_tree(lie: dict[str, Any]) -> None:
    caught(build(**lie), "B09", f"tree {TREE}, built and tested", OTHER_TREE)


def test_b09_both_trees_agree_and_neither_is_the_accepted_one() -> None:
    caught(build(built_tree=OTHER_TREE, tested_tree=OTHER_TREE), "B09", TREE, OTHER_TREE)


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"revision": OTHER_COMMIT}, f"revision {OTHER_COMMIT}"),
        ({"revision": ""}, "revision absent"),
        ({"release": release(commit=OTHER_COMMIT)}, f"release of {OTHER_COMMIT}"),
    ],
)
def test_b04_the_release_is_of_another_commit(lie: dict[str, Any], observed: str) -> None:
    caught(build(**lie), "B04", f"revision {COMMIT}", observed)


@pytest.mark.parametrize(
    ("made", "observed"),
    [
        (STARTED - timedelta(days=3), "made before its commit, at 2026-11-20 12:00:00 UTC"),
        (later(-60), "made before the stage"),
        (NOW + timedelta(hours=1), "made after the stage"),
    ],
)
def test_b06_a_release_that_this_build_did_not_make(made: Any, observed: str) -> None:
    caught(build(created_at=made), "B06", "made between 2026-11-23 12:00:00", observed)


@pytest.mark.parametrize("made", [STARTED - timedelta(seconds=2), ENDED + timedelta(seconds=2)])
def test_b06_clocks_may_be_two_seconds_apart(made: datetime) -> None:
    believed(build(created_at=made))


@pytest.mark.parametrize("made", [STARTED - timedelta(seconds=2.001), ENDED + timedelta(seconds=2.001)])
def test_b06_clocks_may_be_no_further_apart(made: datetime) -> None:
    caught(build(created_at=made), "B06", "made between", "the stage")


def test_b02_a_tag_that_named_another_release() -> None:
    caught(
        build(),
        "B02",
        f"tag v1.4.0 for {DIGEST} alone",
        f"before {OTHER_DIGEST}",
        tag="v1.4.0",
        tag_digests=[OTHER_DIGEST],
    )


@pytest.mark.parametrize("before", [(), (DIGEST,)], ids=["new", "the same bytes again"])
def test_a_tag_may_name_its_own_release(before: tuple[str, ...]) -> None:
    believed(build(), tag="v1.4.0", tag_digests=before)


@pytest.mark.parametrize(
    ("lie", "asked", "observed"),
    [
        ({}, {"platforms": ("linux/amd64", "linux/arm64")}, "linux/arm64: not in the release"),
        ({}, {"python": "3.12"}, "linux/amd64: for Python 3.11, asked for 3.12"),
        ({"problem": "the wheel is for x86_64"}, {}, "linux/amd64: the wheel is for x86_64"),
    ],
    ids=["absent", "other-python", "unusable"],
)
def test_b03_a_platform_that_was_asked_for_is_missing(
    lie: dict[str, Any], asked: dict[str, Any], observed: str
) -> None:
    there = PlatformCheck(platform="linux/amd64", python="3.11", **lie)
    caught(build(platforms=(there,)), "B03", "a release for linux/amd64", observed, **asked)


def test_b07_a_file_that_must_not_leave() -> None:
    lie = build(secrets=("app/.env: a file of environment variables",))
    caught(lie, "B07", "a release without keys", "app/.env: a file of environment variables")


def test_b07_nobody_looked() -> None:
    caught(build(inspected_files=0), "B07", "a release without keys", "no file was looked at")


@pytest.mark.parametrize(
    ("known", "name", "expected"),
    [
        (
            {"tested_pythons": ("3.12.1",)},
            "BASE_NOT_PINNED",
            "an interpreter that build.python or .python-version names, or that the tests ran on",
        ),
        ({"previous_base": "CPython 3.10.1 linux-x86_64"}, "BASE_CHANGED", "CPython 3.10.1 linux-x86_64"),
    ],
)
def test_b08_warns_of_the_interpreter(known: dict[str, Any], name: str, expected: str) -> None:
    report = check(build(), **known)
    assert report.accepted
    (warning,) = report.warnings
    assert (warning.code, warning.name) == ("B08", name)
    assert (warning.expected, warning.observed) == (expected, "CPython 3.11.7 linux-x86_64")


@pytest.mark.parametrize(
    ("honest", "known"),
    [
        ({"base_named_by": "build.python"}, {"tested_pythons": ()}),
        ({}, {"previous_base": "CPython 3.11.7 linux-x86_64"}),
        ({"base": ""}, {"tested_pythons": (), "previous_base": "CPython 3.10.1 linux-x86_64"}),
    ],
    ids=["named", "unchanged", "no-python"],
)
def test_b08_has_nothing_to_warn_of(honest: dict[str, Any], known: dict[str, Any]) -> None:
    believed(build(**honest), **known)


@pytest.mark.parametrize("missing", ["commit", "tree", "platforms"])
def test_a_build_without_the_facts_of_its_source_cannot_be_checked(missing: str) -> None:
    report = check(build(), **{missing: None})
    assert {each.status for each in report.results} == {CheckStatus.COULD_NOT_RUN}
    assert f"not told the {missing}" in report.stops[0].message


def test_an_honest_image_is_believed() -> None:
    report = believed(image_build())
    assert {each.status for each in report.results} == {
        *(CheckStatus.PASSED, CheckStatus.NOT_APPLICABLE, CheckStatus.NOT_ENOUGH_HISTORY),
    }


@pytest.mark.parametrize(
    "lie", [{"read_back_digest": OTHER_DIGEST}, {"image": {"pushed_digest": OTHER_DIGEST}}], ids=["read back", "pushed"]
)
def test_b01_the_registry_has_another_image(lie: dict[str, Any]) -> None:
    caught(image_build(**lie), "B01", DIGEST, OTHER_DIGEST)


def test_b02_a_version_tag_that_its_registry_gave_to_another_image() -> None:
    lie = image_build(image={"taken_tags": {"v1.4.0": OTHER_DIGEST}})
    caught(lie, "B02", f"tag v1.4.0 for {DIGEST} alone", OTHER_DIGEST, tag="v1.4.0")


def test_b03_an_architecture_that_is_not_in_the_index() -> None:
    asked = {"platforms": ("linux/amd64", "linux/arm64")}
    caught(image_build(), "B03", "linux/amd64, linux/arm64", "linux/arm64: not in the release", **asked)


def test_b04_an_image_without_its_commit() -> None:
    caught(image_build(revision=""), "B04", f"revision {COMMIT}", "revision absent")


STEPS = (
    BuildStep(name="[1/2] FROM python", cached=True, seconds=0),
    BuildStep(name="[2/2] COPY src /src", cached=True, seconds=0),
)


def test_b06_an_old_image_is_honest_when_every_step_was_cached() -> None:
    old = {"created_at": STARTED - timedelta(days=3)}
    believed(image_build(image={"steps": STEPS}, **old))
    caught(image_build(**old), "B06", "made between", "made before its commit")
    new_step = STEPS[1].model_copy(update={"cached": False})
    caught(image_build(image={"steps": (STEPS[0], new_step)}, **old), "B06", "made between", "made before its commit")
    caught(
        image_build(image={"steps": STEPS}, created_at=NOW + timedelta(hours=1)), "B06", "made between", "made after"
    )


def test_b08_warns_of_a_base_that_a_moving_tag_names_and_of_another_one() -> None:
    report = check(image_build(base_named_by=""))
    (warning,) = report.warnings
    assert (warning.code, warning.name) == ("B08", "BASE_NOT_PINNED")
    assert warning.expected.startswith("a base image that the Dockerfile names by its digest")
    report = check(image_build(), previous_base=f"python:3.11-slim@{DIGEST}")
    (warning,) = report.warnings
    assert (warning.code, warning.name, warning.expected) == ("B08", "BASE_CHANGED", f"python:3.11-slim@{DIGEST}")

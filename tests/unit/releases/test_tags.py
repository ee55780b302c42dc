"""Tags by strategy."""

from __future__ import annotations

import pytest

from sluice.records.checkout import RefKind
from sluice.releases.tags import lasting, moving_tags, of_commit, version_tags

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("kind", "name", "tags"),
    [
        (RefKind.BRANCH, "main", ("main-0123456789ab", "latest")),
        (RefKind.BRANCH, "feature/ümlaut", ("feature-mlaut-0123456789ab",)),
        (RefKind.BRANCH, "-", ("branch-0123456789ab",)),
        (RefKind.TAG, "v1.2.3", ("tag-0123456789ab",)),
        (RefKind.COMMIT, COMMIT, ("commit-0123456789ab",)),
    ],
)
def test_latest_is_of_the_default_branch_alone(kind: RefKind, name: str, tags: tuple[str, ...]) -> None:
    assert moving_tags(kind, name, COMMIT, "main", pull_request=False) == tags


def test_a_pull_request_is_never_latest_and_no_tag_is_too_long() -> None:
    assert moving_tags(RefKind.BRANCH, "main", COMMIT, "main", pull_request=True) == ("main-0123456789ab",)
    assert len(moving_tags(RefKind.BRANCH, "x" * 300, COMMIT, "main", pull_request=False)[0]) == 128


@pytest.mark.parametrize(
    ("kind", "name", "tags"),
    [
        (RefKind.TAG, "v1.2.3", ("v1.2.3",)),
        (RefKind.TAG, "1.2.3-rc.1+build", ("1.2.3-rc.1_build",)),
        (RefKind.TAG, "nightly", ()),
        (RefKind.BRANCH, "v1", ()),
    ],
)
def test_a_version_is_a_git_tag_that_looks_like_one(kind: RefKind, name: str, tags: tuple[str, ...]) -> None:
    assert version_tags(kind, name) == tags


def test_latest_alone_goes_to_other_commits_and_only_a_branchs_tag_to_another_build() -> None:
    tags = ("v1.2.3", "1.2-0123456789ab", "main-0123456789ab", "latest")
    assert lasting(tags) == tags[:-1]
    assert [tag for tag in tags if of_commit(tag, COMMIT)] == ["1.2-0123456789ab", "main-0123456789ab"]
    assert not of_commit("main-", "")

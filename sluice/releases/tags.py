"""Which tags an image gets: one of branch and commit always, the version from a tag, `latest` on the default branch."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sluice.records.checkout import RefKind

SHORT = 12  # digits of a commit
LONGEST = 128  # characters of a tag
LATEST = "latest"
_VERSION = re.compile(r"v?\d+(?:\.\d+)*(?:[-+.][0-9A-Za-z.-]+)*")


def moving_tags(kind: RefKind, name: str, commit: str, default_branch: str, *, pull_request: bool) -> tuple[str, ...]:
    """Return the tags that may be moved to a newer image."""
    place = name if kind is RefKind.BRANCH else kind.value
    words = re.sub(r"[^A-Za-z0-9_.-]+", "-", place).strip(".-") or "branch"
    tags = (f"{words[: LONGEST - SHORT - 1]}-{commit[:SHORT]}",)
    on_default = kind is RefKind.BRANCH and name == default_branch and not pull_request
    return (*tags, LATEST) if on_default else tags


def version_tags(kind: RefKind, name: str) -> tuple[str, ...]:
    """Return the tags that never move: a git tag that is a version, as it is written (`+` becomes `_`)."""
    if kind is not RefKind.TAG or not is_version(name):
        return ()
    return (name.replace("+", "_")[:LONGEST],)


def is_version(name: str) -> bool:
    """Tell whether a tag is a version, which never moves."""
    return _VERSION.fullmatch(name.replace("_", "+")) is not None


def lasting(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags that no other commit gets: all but `latest`."""
    return tuple(tag for tag in tags if tag != LATEST)


def of_commit(tag: str, commit: str) -> bool:
    """Tell whether a tag is that of a branch and this commit: another build of the commit may get it."""
    return bool(commit) and tag.endswith(f"-{commit[:SHORT]}")

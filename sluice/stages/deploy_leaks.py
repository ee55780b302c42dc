"""D09: whether the value of a secret stands where people can read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sluice.artifacts import ArtifactStore
from sluice.records.common import ArtifactRef
from sluice.records.deploy import Condition

SHORTEST = 8  # characters: shorter values are words that stand everywhere
LOOK_BYTES = 8 << 20  # of one file
NOTHING_LEAKED = "no secret's value in a log, a record, a command line, a file of the run or of the release"

Place = tuple[str, bytes | Path]
ALL_BYTES = 256 << 20  # of all places together


def files_of(evidence: Iterable[ArtifactRef], artifacts: ArtifactStore) -> list[Place]:
    """Return the files that earlier stages of the run have kept, the small ones first."""
    unique = {ref.sha256: ref for ref in evidence}.values()
    return [(f"the run's file {ref.name}", artifacts.path(ref.sha256)) for ref in sorted(unique, key=lambda r: r.size)]


def no_leak(secrets: Mapping[str, str], places: Iterable[Place]) -> Condition:
    """Return whether one of the values stands in one of the places (name, content or file); no value is shown."""
    wanted = {name: value.encode() for name, value in secrets.items() if len(value) >= SHORTEST}
    if not wanted:
        return Condition.no_subject("D09", "no secret is declared, or none that is long enough to be looked for")
    found, looked, left = [], 0, ALL_BYTES
    for place, content in places:
        data = _read(content, min(left, LOOK_BYTES))
        left -= len(data)
        looked += 1
        found += [f"the value of {name} is in {place}" for name, value in wanted.items() if value in data]
    if found:
        return Condition.broken("D09", NOTHING_LEAKED, "; ".join(found))
    return Condition.holds("D09", NOTHING_LEAKED, f"{len(wanted)} secrets, {looked} places, none found")


def _read(content: bytes | Path, most: int) -> bytes:
    if isinstance(content, bytes):
        return content
    try:
        with content.open("rb") as file:
            return file.read(most)
    except OSError:  # gone meanwhile: nobody can read it either
        return b""

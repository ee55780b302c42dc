"""Shards of frameworks that select by file: feature and suite files by the sum of their recorded durations."""

from __future__ import annotations

import os
from pathlib import Path

from sluice.stages.testing.agents._sluice_shards import split
from sluice.stages.testing.job import Job

_SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__"}


def part_of_files(job: Job, pattern: str) -> list[str]:
    """Return the files of this shard, relative to the tree, in their order.

    A test id holds its file's stem; the recorded seconds of those tests are the file's weight.
    """
    found = test_files(job.tree, job.request.config.paths or (".",), pattern)
    durations = {path: weight for path in found if (weight := _weight(path, job.request.durations)) is not None}
    mine = set(split(found, durations, job.request.cell.shards)[job.request.cell.shard - 1])
    return [path for path in found if path in mine]


def test_files(tree: Path, paths: tuple[str, ...], pattern: str) -> list[str]:
    """Return the files below `paths` that match, relative to `tree`, sorted."""
    found: set[str] = set()
    for path in paths:
        start = tree / path
        if start.is_file():
            found.add(path)
        for folder, folders, files in os.walk(start, followlinks=False):
            folders[:] = [name for name in folders if name not in _SKIPPED]
            here = Path(folder)
            found |= {(here / name).relative_to(tree).as_posix() for name in files if Path(name).match(pattern)}
    return sorted(found)


def _weight(path: str, durations: dict[str, float]) -> float | None:
    stem = Path(path).stem
    seconds = [value for name, value in durations.items() if stem in name.partition("::")[0].split(".")]
    return sum(seconds) if seconds else None

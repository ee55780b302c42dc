"""Coverage of a cell whose tests ran in several shards: a line is covered when any of them reached it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from sluice.artifacts import ArtifactStore
from sluice.records.testing import TestExecution, TestRecord

GATE = "coverage_gate"  # in `environment` of an execution that is one of several shards


def gate_reasons(records: Sequence[TestRecord], artifacts: ArtifactStore | None) -> list[str]:
    """Return why the shards of a cell miss the coverage gate, one sentence a cell; nothing where no gate is set."""
    cells: dict[tuple[object, ...], list[TestExecution]] = {}
    for record in records:
        for execution in record.executions:
            if GATE in execution.environment:
                cell = execution.cell
                key = (execution.framework, cell.python, tuple(sorted(cell.env.items())))
                cells.setdefault(key, []).append(execution)
    return [reason for shards in cells.values() if (reason := _reason(shards, artifacts))]


def _reason(shards: Sequence[TestExecution], artifacts: ArtifactStore | None) -> str:
    gate = float(shards[0].environment[GATE])
    name = f"{shards[0].framework} in {len(shards)} shards"
    if artifacts is None or any(shard.coverage is None for shard in shards):
        return f"{name}: the coverage gate is {gate:g} %, and there is no coverage of all shards"
    valid, covered = union(_rows(shard, artifacts) for shard in shards)
    if valid == 0:
        return f"{name}: the coverage gate is {gate:g} %, and no line was measured"
    rate = covered / valid
    return "" if rate * 100 >= gate else f"{name}: coverage {rate:.1%} is below the gate of {gate:g} %"


def _rows(shard: TestExecution, artifacts: ArtifactStore) -> list[dict[str, str]]:
    assert shard.coverage is not None
    text = artifacts.read(shard.coverage.files).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def union(shards: Iterable[Iterable[dict[str, str]]]) -> tuple[int, int]:
    """Return valid and covered lines of all files together, from the rows of each shard's `coverage.csv`."""
    valid: dict[str, int] = {}
    missing: dict[str, set[int]] = {}
    for rows in shards:
        for row in rows:
            path = row["path"]
            lines = numbers(row["missing_lines"])
            missing[path] = missing[path] & lines if path in missing else lines
            valid[path] = max(valid.get(path, 0), int(row["lines_valid"]))
    total = sum(valid.values())
    return total, total - sum(min(len(missing[path]), valid[path]) for path in valid)


def numbers(text: str) -> set[int]:
    """Return the numbers of `3,7-9`."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found

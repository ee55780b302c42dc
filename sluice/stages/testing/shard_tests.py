"""Tests of a cell whose shards ran apart: what each of them found must be in the report of one of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from sluice.artifacts import ArtifactStore
from sluice.records.common import ArtifactRef
from sluice.records.testing import TestExecution
from sluice.results.problems import MAX_CASES
from sluice.stages.testing.again import ids_of
from sluice.stages.testing.job import Job, Trace
from sluice.stages.workplace import Workplace

SHOWN = 20


def keep(job: Job, trace: Trace, place: Workplace) -> ArtifactRef | None:
    """Keep what a shard found and ran, by id; None where the framework does not tell, or nothing was split."""
    if job.request.cell.shards == 1 or not trace.ids:
        return None
    told = {"ids": trace.ids, "ran": trace.ran, "left_out": trace.left_out}
    path = job.out / "collected.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    return place.artifacts.put_file(path, f"{job.file_name}-collected.json", "application/json")


def compared(executions: Sequence[TestExecution], artifacts: ArtifactStore | None) -> tuple[TestExecution, ...]:
    """Return the executions; each shard names the tests that it found and that no shard reports."""
    cells: dict[tuple[object, ...], list[TestExecution]] = {}
    for each in executions:
        if each.collection is not None and artifacts is not None:
            key = (each.framework, each.cell.python, tuple(sorted(each.cell.env.items())))
            cells.setdefault(key, []).append(each)
    lost: dict[int, tuple[str, ...]] = {}
    for shards in cells.values():
        if artifacts is not None and all(_is_listed(each) for each in shards):
            lost |= {id(each): names for each, names in zip(shards, _lost(shards, artifacts), strict=True)}
    return tuple(
        each.model_copy(update={"lost_ids": lost[id(each)]}) if id(each) in lost else each for each in executions
    )


def _is_listed(execution: TestExecution) -> bool:
    return execution.cases is not None and execution.total <= MAX_CASES


def _lost(shards: Sequence[TestExecution], artifacts: ArtifactStore) -> list[tuple[str, ...]]:
    told = [json.loads(artifacts.read(each.collection)) for each in shards if each.collection is not None]
    reported: Counter[str] = Counter()
    for each in shards:
        if each.cases is not None:
            reported.update(ids_of(artifacts.open_path(each.cases)))
    known = {name for one in told for name in one["ids"]}
    ran = {name for one in told for name in one["ran"]}
    groups = tuple(name for one in told for name in one["left_out"])
    strangers = sum(count for name, count in reported.items() if name not in known)
    return [_of_shard(Counter(one["ids"]) - reported, ran, groups, strangers) for one in told]


def _of_shard(missing: Counter[str], ran: set[str], groups: tuple[str, ...], strangers: int) -> tuple[str, ...]:
    """Return what is lost of the missing tests.

    A test may give itself another name in the report: one that ran is no lost one, as long as the report has a name
    that nobody collected to stand for it. Tests that their class or module skipped as a whole are one case together.
    """
    missing_now = [name for name in missing if not _is_in(name, groups)]
    never = [name for name in missing_now if name not in ran]
    renamed = [name for name in missing_now if name in ran]
    return tuple((never + (renamed if len(renamed) > strangers else []))[:SHOWN])


def _is_in(name: str, groups: tuple[str, ...]) -> bool:
    owner = name.partition("::")[0]
    return any(owner == group or owner.startswith(f"{group}.") for group in groups)

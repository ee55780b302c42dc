"""Splits tests into shards of even duration; the same input gives the same split in every process."""

# Runs in the project's Python too, from 3.7 on.
# ruff: noqa: UP006, UP035

from __future__ import annotations

import statistics
from typing import Dict, Iterable, List, Mapping


def split(ids: Iterable[str], durations: Mapping[str, float], shards: int) -> List[List[str]]:
    """Return the ids of each shard: the longest first, each to the shard with the least so far.

    A test without a recorded duration weighs as much as the median of those that have one.
    """
    known = sorted(set(ids))
    recorded = [durations[one] for one in known if one in durations]
    usual = statistics.median(recorded) if recorded else 1.0
    weights: Dict[str, float] = {one: max(durations.get(one, usual), 0.0) for one in known}
    loads = [0.0] * shards
    parts: List[List[str]] = [[] for _ in range(shards)]
    for one in sorted(known, key=lambda name: (-weights[name], name)):
        least = min(range(shards), key=lambda shard: (loads[shard], len(parts[shard]), shard))
        loads[least] += weights[one]
        parts[least].append(one)
    return parts

"""The cells of a test matrix, and one record of all of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from sluice.artifacts import ArtifactStore
from sluice.config.model import TestConfig
from sluice.records.testing import TestCell, TestRecord
from sluice.stages.testing.shard_coverage import gate_reasons
from sluice.stages.testing.shard_tests import compared

SHOWN_FAILURES = 50
LABEL_LIMIT = 100


def cells(config: TestConfig) -> tuple[TestCell, ...]:
    """Return every combination of the matrix and the shards, at least one; labels are unique and safe as file names.

    A project whose only framework is `command` is not split: nobody knows how to ask it for a part.
    """
    shards = config.shards if any(name != "command" for name in config.frameworks) else 1
    pythons: tuple[str | None, ...] = config.matrix.python or (None,)
    axes = [[(name, value) for value in values] for name, values in sorted(config.matrix.env.items()) if values]
    found: list[TestCell] = []
    for python, pairs in itertools.product(pythons, itertools.product(*axes)):
        env = dict(pairs)
        for shard in range(1, shards + 1):
            label = _unique(_label(python, env, shard, shards), [cell.label for cell in found])
            found.append(TestCell(label=label, python=python, env=env, shard=shard, shards=shards))
    return tuple(found)


def _label(python: str | None, env: dict[str, str], shard: int, shards: int) -> str:
    words = [f"py{python}"] if python else []
    words += [f"{name}={value}" for name, value in env.items()]
    words += [f"{shard}of{shards}"] if shards > 1 else []
    return re.sub(r"[^A-Za-z0-9._=-]+", "_", "-".join(words))[:LABEL_LIMIT] or "default"


def _unique(label: str, taken: Sequence[str]) -> str:
    for ordinal in itertools.count(2):
        if label not in taken:
            return label
        label = f"{label.partition('~')[0]}~{ordinal}"
    raise AssertionError("count never ends")


def merge(records: Sequence[TestRecord], artifacts: ArtifactStore | None = None) -> TestRecord:
    """Return one record of all cells, in the order given; green only when every cell is.

    Args:
        records: one a cell.
        artifacts: where the cells' coverage and cases are; needed to hold a gate against shards, which miss it without,
            and to find tests that no shard ran.

    Raises:
        ValueError: no records: a stage that ran nothing has no record.
    """
    if not records:
        raise ValueError("no cell has run: there is nothing to merge")
    if len(records) == 1:
        return records[0]
    first = records[0]
    if len({record.commit for record in records}) > 1:
        raise ValueError("records of different commits are not one test stage")
    reasons = [f"{_name(record)}: {record.reason}" for record in records if not record.passed]
    reasons += gate_reasons(records, artifacts)
    return TestRecord(
        run_id=first.run_id,
        started_at=min(record.started_at for record in records),
        ended_at=max(record.ended_at for record in records),
        passed=not reasons,
        reason="; ".join(reasons)[:1000] or first.reason,
        skipped=all(record.skipped for record in records),
        tools=tuple(tool for record in records for tool in record.tools),
        artifacts=tuple(dict.fromkeys(ref for record in records for ref in record.artifacts)),
        inputs=_inputs(records),
        commit=first.commit,
        executions=compared([execution for record in records for execution in record.executions], artifacts),
        failures=tuple(failure for record in records for failure in record.failures)[:SHOWN_FAILURES],
    )


def _name(record: TestRecord) -> str:
    return record.executions[0].cell.label if record.executions else record.inputs.get("cell", "")


def _inputs(records: Sequence[TestRecord]) -> dict[str, str]:
    """Return the parts of the key: what all cells share once, what differs a cell each."""
    merged: dict[str, str] = {}
    for name in dict.fromkeys(name for record in records for name in record.inputs):
        values = [record.inputs.get(name, "") for record in records]
        if len(set(values)) == 1:
            merged[name] = values[0]
        else:
            merged |= {f"{name} [{_name(record)}]": value for record, value in zip(records, values, strict=True)}
    return merged

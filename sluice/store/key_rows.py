"""What decided whether stages ran: their keys, the parts of these, and what became of the results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from sluice.keys import digest_of
from sluice.states import StageName, StageState
from sluice.store.engine import reading

CELL_PART = re.compile(r"([^\[]+) \[(.*)\]", re.DOTALL)
EARLIER = 60  # stage runs that an explanation looks back

RUN = """
SELECT s.id::text AS id, s.number, s.run_id::text AS run_id, s.state, s.reason, s.key, s.key_parts, s.not_reused,
       made.run_id::text AS reused_from, coalesce(r.ref_name, r.requested_ref) AS ref, r.commit_sha AS commit, r.config,
       coalesce((r.request ->> 'fresh')::boolean, false) AS fresh, c.record -> 'source' ->> 'mirror' AS mirror
FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id
LEFT JOIN stage_runs made ON made.id = s.reused_from
LEFT JOIN stage_runs c ON c.run_id = s.run_id AND c.stage = 'checkout'
"""
MINE = "WHERE s.run_id = :run AND s.stage = :stage"
BEFORE = """
WHERE r.project_id = (SELECT project_id FROM pipeline_runs WHERE id = :run) AND s.stage = :stage
AND s.number < :number AND s.key_parts IS NOT NULL ORDER BY s.number DESC LIMIT :limit
"""
CELLS = """
SELECT stage_run_id::text AS owner, key, parts, produced_by::text AS produced_by FROM stage_keys
WHERE stage_run_id::text = ANY(:owners) ORDER BY parts ->> 'cell', key
"""


@dataclass(frozen=True)
class Cell:
    """A key of a stage run: one a stage, one a cell of a test matrix. `made_by`: the run that did the work."""

    key: str
    parts: dict[str, str]
    made_by: str


@dataclass(frozen=True)
class KeyedStage:
    """A stage run with its keys. A rejected one has the stage's own key."""

    run_id: str
    number: int
    state: StageState
    reason: str
    reused_from: str | None
    not_reused: str
    fresh: bool
    ref: str
    commit: str | None
    config: dict[str, Any]
    mirror: str | None
    cells: tuple[Cell, ...]


def keyed_stage(engine: Engine, run_id: str, stage: StageName) -> tuple[KeyedStage, tuple[KeyedStage, ...]] | None:
    """Return a stage of a run, and the same stage of earlier runs of its project, newest first; None without one."""
    with reading(engine) as connection:
        values: dict[str, Any] = {"run": run_id, "stage": str(stage)}
        mine = connection.execute(text(RUN + MINE), values).one_or_none()
        if mine is None:
            return None
        values |= {"number": mine.number, "limit": EARLIER}
        rows = [mine, *connection.execute(text(RUN + BEFORE), values)]
        cells = connection.execute(text(CELLS), {"owners": [row.id for row in rows]}).all()
    found = tuple(_stage(row, [cell for cell in cells if cell.owner == row.id]) for row in rows)
    return found[0], found[1:]


def _stage(row: Any, cells: Sequence[Any]) -> KeyedStage:
    made = tuple(Cell(cell.key, cell.parts, cell.produced_by) for cell in cells)
    if not made and row.key_parts:
        made = _from_stage(row.key, row.key_parts, row.reused_from or row.run_id)
    return KeyedStage(
        run_id=row.run_id,
        number=row.number,
        state=StageState(row.state),
        reason=row.reason,
        reused_from=row.reused_from,
        not_reused=row.not_reused,
        fresh=row.fresh,
        ref=row.ref,
        commit=row.commit,
        config=row.config or {},
        mirror=row.mirror,
        cells=made,
    )


def _from_stage(key: str, parts: dict[str, str], made_by: str) -> tuple[Cell, ...]:
    """Return the cells of a stage run that has only the merged parts: a rejected or wholly reused test matrix.

    What differs between its cells is named `part [cell]` there.
    """
    own = [name for name in parts if CELL_PART.fullmatch(name)]
    if not own:
        return (Cell(key, parts, made_by),)
    shared = {name: value for name, value in parts.items() if name not in own}
    cells: dict[str, dict[str, str]] = {}
    for name in own:
        found = CELL_PART.fullmatch(name)
        assert found is not None
        cells.setdefault(found[2], dict(shared))[found[1]] = parts[name]
    return tuple(Cell(digest_of(each), each, made_by) for _, each in sorted(cells.items()))

"""Why a stage ran or was reused: which part of its key changed, since which earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sluice.report.inputs import Diff, InputChange, changed_files, changes, files_in_words
from sluice.states import StageName, StageState
from sluice.store.key_rows import Cell, KeyedStage

ACTING = (StageName.DEPLOY, StageName.SMOKE, StageName.ROLLBACK)
NOT_BEGUN = (StageState.SKIPPED, StageState.PENDING)


@dataclass(frozen=True)
class CellWhy:
    """Why one cell (the whole stage when it has one) ran or was reused.

    `because` is one of reused, first, new_cell, changed, fresh, gone, rejected, red.
    """

    cell: str
    because: str
    words: str
    against: str | None = None
    changes: tuple[InputChange, ...] = ()


@dataclass(frozen=True)
class Why:
    """The answer for a stage; `because` as of a cell, or acts, not_begun, no_inputs, running."""

    stage: str
    because: str
    words: str
    cells: tuple[CellWhy, ...]
    parts: dict[str, str]


def explain(stage: StageName, mine: KeyedStage, earlier: Sequence[KeyedStage], diff: Diff) -> Why:
    """Return why a stage ran or was reused. `earlier`: the same stage of earlier runs, newest first."""
    early = _without_key(stage, mine)
    if early:
        return Why(stage, *early, cells=(), parts={})
    cells = tuple(_cell(stage, mine, cell, earlier, diff) for cell in mine.cells)
    parts = mine.cells[0].parts if len(mine.cells) == 1 else {}
    if len(cells) == 1:
        return Why(stage, cells[0].because, f"{stage} {cells[0].words}", cells, parts)
    ran = [cell for cell in cells if cell.because != "reused"]
    if not ran:
        return Why(
            stage, "reused", f"{stage} was reused: each of its {len(cells)} cells has the same inputs", cells, parts
        )
    because = ran[0].because if len({cell.because for cell in ran}) == 1 else "changed"
    return Why(stage, because, f"{stage} ran: {len(ran)} of {len(cells)} cells", cells, parts)


def _without_key(stage: StageName, mine: KeyedStage) -> tuple[str, str] | None:
    if mine.state in NOT_BEGUN:
        return "not_begun", f"{stage} did not run: {mine.reason or 'the run has not come to it'}"
    if stage in ACTING:
        return "acts", f"{stage} ran: it acts on an environment, and is never reused"
    if mine.cells:
        return None
    if mine.state is StageState.RUNNING:
        return "running", f"{stage} is running: nothing that it could reuse was found"
    return "no_inputs", f"{stage} ran and ended before it had a result: {mine.reason or mine.state}"


def _cell(stage: StageName, mine: KeyedStage, cell: Cell, earlier: Sequence[KeyedStage], diff: Diff) -> CellWhy:
    name = cell.parts.get("cell", "")
    if cell.made_by != mine.run_id:
        return CellWhy(name, "reused", _reused(mine, cell, earlier, diff), cell.made_by)
    if mine.fresh:
        return CellWhy(name, "fresh", "ran: --fresh asked to reuse nothing")
    same = next((run for run in earlier if any(each.key == cell.key for each in run.cells)), None)
    if same is not None:
        return _same_inputs(name, mine, cell, earlier)
    pool = [(run, each) for run in earlier for each in run.cells]
    if not pool:
        return CellWhy(name, "first", "ran: it is the first of this project")
    known = [pair for pair in pool if pair[1].parts.get("cell") == cell.parts.get("cell")]
    nearest = min(known or pool, key=lambda pair: _distance(mine, cell, *pair))
    found = changes(stage, (nearest[0], nearest[1].parts), (mine, cell.parts), diff)
    since = f"since run {nearest[0].run_id[:8]}"
    if not known:
        return CellWhy(name, "new_cell", f"ran: the cell {name} is new {since}", nearest[0].run_id, found)
    return CellWhy(name, "changed", f"ran: {_changed(found)} {since}{_detail(found)}", nearest[0].run_id, found)


def _distance(mine: KeyedStage, cell: Cell, run: KeyedStage, other: Cell) -> tuple[int, bool, int]:
    """Fewest parts that differ, then the same branch, then the newest."""
    names = cell.parts.keys() | other.parts.keys()
    differ = sum(cell.parts.get(name) != other.parts.get(name) for name in names)
    return differ, run.ref != mine.ref, -run.number


def _changed(found: Sequence[InputChange]) -> str:
    names = [change.name for change in found]
    return f"{names[0] if len(names) == 1 else ', '.join(names[:-1]) + ' and ' + names[-1]} changed"


def _detail(found: Sequence[InputChange]) -> str:
    return f" ({found[0].details[0]})" if len(found) == 1 and found[0].details else ""


def _same_inputs(name: str, mine: KeyedStage, cell: Cell, earlier: Sequence[KeyedStage]) -> CellWhy:
    """Say why the result of a run with the same inputs was not good enough."""
    same = [run for run in earlier if any(each.key == cell.key for each in run.cells)]
    good = next((run for run in same if run.state is StageState.PASSED), None)
    if good is not None:
        why = mine.not_reused or f"the result of run {good.run_id[:8]} could not be read back"
        return CellWhy(name, "gone", f"ran although run {good.run_id[:8]} had the same inputs: {why}", good.run_id)
    last = same[0]
    since = f"ran again: its inputs are those of run {last.run_id[:8]}"
    if last.state is StageState.REJECTED:
        return CellWhy(
            name, "rejected", f"{since}, whose result was rejected ({last.reason.split(':')[0]})", last.run_id
        )
    return CellWhy(name, "red", f"{since}, which was not green ({last.state})", last.run_id)


def _reused(mine: KeyedStage, cell: Cell, earlier: Sequence[KeyedStage], diff: Diff) -> str:
    words = f"was reused from run {cell.made_by[:8]}: all of its inputs are the same"
    made = next((run for run in earlier if run.run_id == cell.made_by), None)
    if made is None:
        return words
    _files, left_out = changed_files(made, mine, diff)
    if left_out:
        words += f"; unaffected_by leaves out {files_in_words(left_out)}"
    return words + (f" (made for {made.ref})" if made.ref != mine.ref else "")

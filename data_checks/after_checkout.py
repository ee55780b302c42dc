"""After checkout: is this the source that was asked for, whole and clean?"""

from __future__ import annotations

from collections.abc import Sequence

from data_checks.contract import BoundaryFacts, Check, Contract
from data_checks.frames import Frame, Parameter, Row, at_most, in_set
from sluice.records.checkout import CheckoutRecord, RefKind
from sluice.states import Severity

WHOLE, ENOUGH, SHALLOW = "whole", "shallow, with the merge base", "shallow, without a merge base"
CHANGED, MERGE, SAME_TREE = "files changed", "a merge", "the same tree as its base"
NOTHING = "no file changed"
NAMED = 3  # paths that a message names


def record_row(record: CheckoutRecord, facts: BoundaryFacts) -> list[Row]:
    """Return the one row of facts about the checkout."""
    return [
        {
            "commit": record.source.commit,
            "requested_commit": record.requested_commit,
            "history": _history(record),
            "missing_submodules": len(_missing_submodules(record)),
            "lfs_pointers": len(record.lfs_pointers),
            "dirty_files": len(record.dirty_files),
            "change": _change(record),
            "stale_locks": len(record.stale_locks),
            "overwritten": int(facts.overwritten),
            "superseded": _superseded(facts),
        }
    ]


def _superseded(facts: BoundaryFacts) -> int:
    facts.need("superseded_by")
    return len(facts.superseded_by or ())


def _history(record: CheckoutRecord) -> str:
    if not record.shallow:
        return WHOLE
    return ENOUGH if record.merge_base else SHALLOW


def _missing_submodules(record: CheckoutRecord) -> tuple[str, ...]:
    """Return the submodules that are not there: those not checked out are as missing as the broken ones."""
    return record.missing_submodules if record.source.submodules else record.declared_submodules


def _change(record: CheckoutRecord) -> str:
    if record.changed_files:
        return CHANGED
    if len(record.parents) > 1:
        return MERGE
    empty = record.source.tree == record.base_tree if record.base_tree else not record.file_count
    return SAME_TREE if empty else NOTHING


def _asked(record: CheckoutRecord, facts: BoundaryFacts) -> str:
    """Return the commit that was asked for; the trigger may have seen another one than the ref points at now."""
    found = facts.need("commit")
    return record.requested_commit if record.source.commit == found else found


def _names(paths: Sequence[str]) -> str:
    more = len(paths) - NAMED
    return ", ".join(paths[:NAMED]) + (f" and {more} more" if more > 0 else "") if paths else "none"


def _unknown_base(record: CheckoutRecord, _facts: BoundaryFacts) -> str:
    known = record.changed_files or record.base_tree or not record.shallow
    return "" if known else "a shallow clone does not tell what the commit changed (C02)"


CONTRACT = Contract(
    record=CheckoutRecord,
    frames=(
        Frame(
            "record",
            (
                "commit",
                "requested_commit",
                "history",
                "missing_submodules",
                "lfs_pointers",
                "dirty_files",
                "change",
                "stale_locks",
                "overwritten",
                "superseded",
            ),
            record_row,
        ),
    ),
    parameters=lambda _record, facts: {"commit": [facts.need("commit")]},
    checks=(
        Check(
            "C01",
            (
                in_set("record", "commit", Parameter("commit")),
                in_set("record", "requested_commit", Parameter("commit")),
            ),
            expected=lambda record, facts: f"commit {_asked(record, facts)}",
            observed=lambda record, _: f"commit {record.source.commit}",
        ),
        Check(
            "C02",
            (in_set("record", "history", [WHOLE, ENOUGH]),),
            expected=lambda _record, _: "a clone with the merge base in it",
            observed=lambda record, _: f"a history that is {_history(record)}",
        ),
        Check(
            "C03",
            (at_most("record", "missing_submodules", 0),),
            expected=lambda record, _: f"submodules at their commits: {_names(record.declared_submodules)}",
            observed=lambda record, _: f"missing: {_names(_missing_submodules(record))}",
            unless=lambda record, _: "" if record.declared_submodules else "no submodule is declared",
        ),
        Check(
            "C04",
            (at_most("record", "lfs_pointers", 0),),
            expected=lambda _record, _: "no file that is a Git LFS pointer",
            observed=lambda record, _: f"pointers: {_names(record.lfs_pointers)}",
        ),
        Check(
            "C05",
            (at_most("record", "dirty_files", 0),),
            expected=lambda _record, _: "a workspace that is the commit and nothing else",
            observed=lambda record, _: f"changed or foreign files: {_names(record.dirty_files)}",
        ),
        Check(
            "C07",
            (in_set("record", "change", [CHANGED, MERGE, SAME_TREE]),),
            expected=lambda _record, _: "at least one changed file in a commit that is not empty",
            observed=lambda record, _: _change(record),
            unless=_unknown_base,
        ),
        Check(
            "C06",
            (at_most("record", "stale_locks", 0),),
            expected=lambda _record, _: "a lock file that changed with its manifest",
            observed=lambda record, _: f"dependencies changed, the lock did not: {_names(record.stale_locks)}",
            unless=lambda record, _: "" if record.changed_files else "no file changed",
        ),
        Check(
            "C08",
            (at_most("record", "overwritten", 0),),
            expected=lambda _record, facts: f"a commit that contains the one before it, {facts.previous_commit}",
            observed=lambda record, _: f"commit {record.source.commit}",
            unless=lambda _record, facts: "" if facts.previous_commit else "the trigger names no commit before it",
        ),
        Check(
            "C09",
            (at_most("record", "superseded", 0),),
            expected=lambda _record, _: "a commit that is not older than what its branch has deployed",
            observed=lambda record, facts: (
                f"commit {record.source.commit}, deployed: {_names(facts.superseded_by or ())}"
            ),
            unless=lambda record, _: "" if record.ref_kind is RefKind.BRANCH else "not asked for by its branch",
            severity=lambda _record, facts: Severity.WARN if facts.by_hand else Severity.STOP,
        ),
    ),
)

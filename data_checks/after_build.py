"""After build: is the release what was tested, of this commit, and made just now?"""

from __future__ import annotations

from data_checks.contract import BoundaryFacts, Check, Contract
from data_checks.frames import Frame, Parameter, Row, equal, in_set
from sluice.records.build import BuildRecord

CLOCK_SECONDS = 2.0  # file systems and clocks are no finer than that
IN_WINDOW, OF_COMMIT = "made in this stage", "dated by its commit"
BEFORE_COMMIT, BEFORE_STAGE, AFTER_STAGE = "made before its commit", "made before the stage", "made after the stage"


def record_row(record: BuildRecord, facts: BoundaryFacts) -> list[Row]:
    """Return the one row of facts about the release."""
    return [
        {
            "digest": record.release.digest,
            "read_back_digest": record.read_back_digest,
            "revision": record.revision,
            "release_commit": record.release.commit,
            "made": made(record, facts),
            "built_tree": record.built_tree,
            "tested_tree": record.tested_tree,
        }
    ]


def made(record: BuildRecord, facts: BoundaryFacts) -> str:
    """Tell when the release was made; a reproducible build dates what it makes by the commit."""
    early = (record.started_at - record.created_at).total_seconds()
    late = (record.created_at - record.ended_at).total_seconds()
    if max(early, late) <= CLOCK_SECONDS:
        return IN_WINDOW
    if facts.committed_at == record.created_at:
        return OF_COMMIT
    if facts.committed_at is not None and record.created_at < facts.committed_at:
        return BEFORE_COMMIT
    return BEFORE_STAGE if early > 0 else AFTER_STAGE


CONTRACT = Contract(
    record=BuildRecord,
    frames=(
        Frame(
            "record",
            ("digest", "read_back_digest", "revision", "release_commit", "made", "built_tree", "tested_tree"),
            record_row,
        ),
    ),
    parameters=lambda _record, facts: {"commit": [facts.need("commit")], "tree": [facts.need("tree")]},
    checks=(
        Check(
            "B01",
            (equal("record", "digest", "read_back_digest"),),
            expected=lambda record, _: f"digest {record.release.digest}",
            observed=lambda record, _: f"read back {record.read_back_digest}",
        ),
        Check(
            "B09",
            (in_set("record", "built_tree", Parameter("tree")), in_set("record", "tested_tree", Parameter("tree"))),
            expected=lambda _record, facts: f"tree {facts.tree}, built and tested",
            observed=lambda record, _: f"built tree {record.built_tree}, tested tree {record.tested_tree}",
        ),
        Check(
            "B04",
            (
                in_set("record", "revision", Parameter("commit")),
                in_set("record", "release_commit", Parameter("commit")),
            ),
            expected=lambda _record, facts: f"revision {facts.commit}",
            observed=lambda record, _: f"revision {record.revision or 'absent'}, release of {record.release.commit}",
        ),
        Check(
            "B06",
            (in_set("record", "made", [IN_WINDOW, OF_COMMIT]),),
            expected=lambda record, _: f"made between {record.started_at:%F %T} and {record.ended_at:%F %T} UTC",
            observed=lambda record, facts: f"{made(record, facts)}, at {record.created_at:%F %T} UTC",
        ),
    ),
)

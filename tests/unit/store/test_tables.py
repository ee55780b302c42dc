"""The models: documented, and in step with the states and records that they hold."""

from __future__ import annotations

from sqlalchemy import CheckConstraint

from sluice.records.checkout import RefKind
from sluice.records.request import Trigger
from sluice.records.scan import FindingKind, FindingSeverity
from sluice.results.cases import STATUSES
from sluice.states import RunState, StageName
from sluice.store.tables import releases, testing
from sluice.store.tables.all import Base
from sluice.store.tables.runs import PipelineRun


def allowed(table: str, column: str) -> str:
    (found,) = [
        str(rule.sqltext)
        for rule in Base.metadata.tables[table].constraints
        if isinstance(rule, CheckConstraint) and rule.name == f"ck_{table}_{column}"
    ]
    return found


def test_every_table_and_column_has_its_comment() -> None:
    for table in Base.metadata.tables.values():
        assert table.comment, table.name
        for column in table.columns:
            assert column.comment, f"{table.name}.{column.name}"
            assert column.comment.endswith("."), f"{table.name}.{column.name}"


def test_the_tables_know_every_word_of_the_records() -> None:
    assert set(releases.FINDING_KINDS) == set(FindingKind)
    assert set(releases.FINDING_SEVERITIES) == set(FindingSeverity)
    assert set(testing.CASE_STATUSES) == set(STATUSES)
    for words, column in ((Trigger, "trigger"), (RefKind, "ref_kind"), (RunState, "state")):
        assert all(f"'{word.value}'" in allowed(PipelineRun.__tablename__, column) for word in words)
    assert all(f"'{stage}'" in allowed("stage_runs", "stage") for stage in StageName)


def test_every_duration_refuses_negative_infinite_and_not_a_number() -> None:
    for table in Base.metadata.tables.values():
        rules = " ".join(str(rule.sqltext) for rule in table.constraints if isinstance(rule, CheckConstraint))
        for column in table.columns:
            if column.name.endswith("seconds") or column.name in ("duration", "execution_time"):
                assert f"{column.name} >= 0 AND {column.name} < 'Infinity'" in rules, f"{table.name}.{column.name}"

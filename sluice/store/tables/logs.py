"""What stages and their programs printed, by chunks of whole lines."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import Base, UuidText, column, count


class TestLog(Base):
    """A piece of one stage's log. No foreign key, as in `test_results`: old months are dropped whole."""

    __test__ = False
    __tablename__ = "test_logs"
    __table_args__ = (
        *count("start_byte", "lines"),
        CheckConstraint("end_byte > start_byte", name="end_byte"),
        CheckConstraint("first_line > 0", name="first_line"),
        Index("ix_test_logs_plain", "plain", postgresql_using="gin", postgresql_ops={"plain": "gin_trgm_ops"}),
        {
            "comment": "Output of stages by chunks of whole lines, by month; written while the stage runs.",
            "postgresql_partition_by": "RANGE (started_at)",
        },
    )

    stage_run_id: Mapped[UuidText] = column("Stage (stage_runs.id).", primary_key=True)
    start_byte: Mapped[int] = column("Where it begins in the stage's log.", primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = column("When the stage's row was made; names the month.", primary_key=True)
    end_byte: Mapped[int] = column("Where it ends in the stage's log.")
    first_line: Mapped[int] = column("Number of its first line, from 1.")
    lines: Mapped[int] = column("How many lines it has.")
    plain: Mapped[str] = column("The lines without terminal codes: what is searched.")
    raw: Mapped[str | None] = column("The lines with their terminal codes; empty when they have none.")

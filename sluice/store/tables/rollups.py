"""What is kept of test results when their months are dropped."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import Base, column, count, sane


class TestWeek(Base):
    """One test on one branch in one week. Filled by `sluice_roll_up`, aside from any ingest."""

    __test__ = False
    __tablename__ = "test_weeks"
    __table_args__ = (
        CheckConstraint("cases = passed + flaky + red + skipped", name="counts_add_up"),
        *count("passed", "flaky", "red", "skipped"),
        CheckConstraint("timed BETWEEN 0 AND cases", name="timed"),
        *sane("seconds", "slowest"),
        Index("ix_test_weeks_test_id", "test_id", "week"),
        {"comment": "Test results by branch and week: stays when the months of test_results are dropped."},
    )

    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"), primary_key=True)
    branch: Mapped[str] = column("Branch, tag or commit of the runs.", primary_key=True)
    week: Mapped[date] = column("Monday of the week (UTC) in which the executions began.", type_=Date, primary_key=True)
    test_id: Mapped[str] = column("Test, as in test_results.", primary_key=True)
    cases: Mapped[int] = column("Cases.")
    passed: Mapped[int] = column("Of them green: passed, or failed as expected.")
    red: Mapped[int] = column("Of them red: failed, broken or passed unexpectedly.")
    skipped: Mapped[int] = column("Of them skipped.")
    timed: Mapped[int] = column("Cases with a duration.")
    seconds: Mapped[float] = column("Sum of the durations.")
    slowest: Mapped[float | None] = column("Longest duration.")
    flaky: Mapped[int] = column("Of them green only when they were run again.", server_default="0")

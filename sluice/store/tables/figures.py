"""Figures of accepted stages over time, and the baselines made of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped

from sluice.states import StageName
from sluice.store.tables.base import Base, Numbers, UuidText, column, one_of, written_at

FINITE = "{0} > '-Infinity' AND {0} < 'Infinity'"


class PerformanceRun(Base):
    """A stage run whose figures count for the history of its project and branch."""

    __tablename__ = "performance_runs"
    __table_args__ = (
        one_of("stage", StageName),
        Index("ix_performance_runs_history", "project_id", "branch", "recorded_at"),
        {"comment": "Stage runs whose figures make the history of a project's branch."},
    )

    stage_run_id: Mapped[UuidText] = column(
        "Stage run.", ForeignKey("stage_runs.id", ondelete="CASCADE"), primary_key=True
    )
    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"))
    branch: Mapped[str] = column("Branch, tag or commit of the run.")
    stage: Mapped[str] = column("Stage.")
    recorded_at: Mapped[datetime] = written_at("When.")


class PerformanceMetric(Base):
    """One figure of one stage run."""

    __tablename__ = "performance_metrics"
    __table_args__ = (
        CheckConstraint(FINITE.format("value"), name="value"),
        {"comment": "Figures of stage runs: seconds, bytes, counts, ratios."},
    )

    stage_run_id: Mapped[UuidText] = column(
        "Stage run.", ForeignKey("performance_runs.stage_run_id", ondelete="CASCADE"), primary_key=True
    )
    metric: Mapped[str] = column("Name, e.g. test.total or smoke.p95_seconds.", primary_key=True)
    value: Mapped[float] = column("Value.")
    unit: Mapped[str] = column("seconds, bytes, count, ratio or per_second.")


class Baseline(Base):
    """What is usual for a metric on a branch, kept up with each accepted stage."""

    __tablename__ = "baselines"
    __table_args__ = (
        CheckConstraint("samples >= 1", name="samples"),
        CheckConstraint("cardinality(recent) >= 1", name="recent"),
        CheckConstraint("lowest <= highest", name="highest"),
        CheckConstraint(FINITE.format("median"), name="median"),
        CheckConstraint("mad >= 0 AND mad < 'Infinity'", name="mad"),
        CheckConstraint(FINITE.format("latest"), name="latest"),
        {"comment": "What is usual for a metric on a branch."},
    )

    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"), primary_key=True)
    branch: Mapped[str] = column("Branch.", primary_key=True)
    metric: Mapped[str] = column("Name of the metric.", primary_key=True)
    samples: Mapped[int] = column("Accepted stages behind it.")
    recent: Mapped[Numbers] = column("Values of the last 30 of them, oldest first.")
    median: Mapped[float] = column("Median of the last values.")
    mad: Mapped[float] = column("Median absolute deviation of the last values.")
    lowest: Mapped[float] = column("Lowest of the last values.")
    highest: Mapped[float] = column("Highest of the last values.")
    latest: Mapped[float] = column("Newest value.")
    stage_run_id: Mapped[UuidText | None] = column(
        "Newest stage behind it; empty when its run was removed.", ForeignKey("stage_runs.id", ondelete="SET NULL")
    )
    updated_at: Mapped[datetime] = written_at("When the newest value came.")

"""What the boundaries said, what they kept out, what follows from what, and who did what."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from sluice.states import CheckStatus, Severity, WaiverEffect
from sluice.store.tables.base import Base, Json, Texts, UuidText, column, key, one_of, written_at

LINEAGE_KINDS = ("commit", "test", "release", "scan", "deployment", "smoke", "rollback")


class QualityCheck(Base):
    """The result of one check of one boundary."""

    __tablename__ = "quality_checks"
    __table_args__ = (
        one_of("severity", Severity),
        one_of("status", CheckStatus),
        CheckConstraint("code ~ '^[A-Z][0-9]{2}$'", name="code"),
        Index("ix_quality_checks_code_status", "code", "status"),
        {"comment": "Results of the contract checks at the stage boundaries."},
    )

    stage_run_id: Mapped[UuidText] = column(
        "Stage run.", ForeignKey("stage_runs.id", ondelete="CASCADE"), primary_key=True
    )
    ordinal: Mapped[int] = column("Order in the contract, from 1.", primary_key=True)
    code: Mapped[str] = column("Code of the check, e.g. T01.")
    name: Mapped[str] = column("Name of the lie that it catches.")
    severity: Mapped[str] = column("stop or warn.")
    status: Mapped[str] = column("passed, failed, not_enough_history, not_applicable or could_not_run.")
    expectation: Mapped[str] = column("Type of the expectation.")
    expected: Mapped[str] = column("What had to hold.")
    observed: Mapped[str] = column("What was found.")
    message: Mapped[str] = column("What is wrong, in words.", server_default="")
    next_step: Mapped[str] = column("What to do.", server_default="")


class CheckWaiver(Base):
    """The waiver of a check that a boundary made: nothing is lowered in silence."""

    __tablename__ = "check_waivers"
    __table_args__ = (
        one_of("effect", WaiverEffect),
        CheckConstraint("reason <> '' AND owner <> ''", name="says_why"),
        {"comment": "Waivers that boundaries met, and what each did to its check."},
    )

    stage_run_id: Mapped[UuidText] = column(
        "Stage run.", ForeignKey("stage_runs.id", ondelete="CASCADE"), primary_key=True
    )
    code: Mapped[str] = column("Code of the check.", primary_key=True)
    reason: Mapped[str] = column("Why the run may go on.")
    owner: Mapped[str] = column("Who answers for it.")
    expires: Mapped[date] = column("Last day on which it counts.")
    effect: Mapped[str] = column("lowered, expired or idle.")


class Quarantine(Base):
    """A record that its boundary rejected."""

    __tablename__ = "quarantine"
    __table_args__ = (
        CheckConstraint("cardinality(codes) > 0", name="says_why"),
        {"comment": "Records that their boundaries rejected; none of their rows is anywhere else."},
    )

    stage_run_id: Mapped[UuidText] = column(
        "Stage run.", ForeignKey("stage_runs.id", ondelete="CASCADE"), primary_key=True
    )
    codes: Mapped[Texts] = column("Checks that stopped it.")
    record: Mapped[Json] = column("The rejected record.")
    artifacts: Mapped[Json] = column("Its files in the artifact store, name to SHA-256.")
    created_at: Mapped[datetime] = written_at("When.")


class LineageEdge(Base):
    """One thing follows from another: commit, tests, release, scan, deployment, smoke test, rollback."""

    __tablename__ = "lineage_edges"
    __table_args__ = (
        UniqueConstraint("project_id", "from_kind", "from_id", "to_kind", "to_id", "relation"),
        one_of("from_kind", LINEAGE_KINDS),
        one_of("to_kind", LINEAGE_KINDS),
        Index("ix_lineage_edges_to", "project_id", "to_kind", "to_id"),
        {"comment": "What follows from what, from the commit to the rollback."},
    )

    id: Mapped[int] = key("Number of the edge.")
    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"))
    from_kind: Mapped[str] = column("Kind of the earlier thing.")
    from_id: Mapped[str] = column("Its hash, digest or id.")
    to_kind: Mapped[str] = column("Kind of the later thing.")
    to_id: Mapped[str] = column("Its hash, digest or id.")
    relation: Mapped[str] = column("How the later follows from the earlier.")
    stage_run_id: Mapped[UuidText] = column(
        "Stage that said so first.", ForeignKey("stage_runs.id", ondelete="CASCADE")
    )
    created_at: Mapped[datetime] = written_at("When.")


class AuditEvent(Base):
    """Somebody, or Sluice itself, changed what others rely on."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_subject", "subject_kind", "subject_id"),
        {"comment": "Who did what: fences, takeovers of locks, lost and cancelled runs. Only ever added to."},
    )

    id: Mapped[int] = key("Number of the event.")
    at: Mapped[datetime] = written_at("When.")
    actor: Mapped[str] = column("Who.")
    action: Mapped[str] = column("What was done.")
    subject_kind: Mapped[str] = column("Kind of what it was done to.")
    subject_id: Mapped[str] = column("Which one.")
    run_id: Mapped[UuidText | None] = column("In which run.", ForeignKey("pipeline_runs.id"))
    detail: Mapped[Json] = column("More about it.", server_default=text("'{}'"))

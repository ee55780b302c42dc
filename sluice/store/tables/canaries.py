"""How a new release did beside the old one, step by step."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import Base, UuidText, column, count, one_of, sane, written_at

VERDICTS = ("no worse", "worse", "not enough requests")


class CanaryStep(Base):
    """One share of the users' requests that a new release had, and how both releases answered meanwhile."""

    __tablename__ = "canary_steps"
    __table_args__ = (
        one_of("verdict", VERDICTS),
        *count("old_requests", "new_requests", "old_errors", "new_errors", "old_slow", "new_slow"),
        *sane("seconds", "old_p95", "new_p95", "slow_bound"),
        CheckConstraint("ordinal >= 1", name="ordinal"),
        CheckConstraint("weight BETWEEN 1 AND 99", name="weight"),
        CheckConstraint("error_p BETWEEN 0 AND 1 AND slow_p BETWEEN 0 AND 1", name="chances"),
        {"comment": "Steps of canaries: both releases' answers at the same time, and the verdict."},
    )

    deployment_id: Mapped[UuidText] = column(
        "Deploy.", ForeignKey("deployments.id", ondelete="CASCADE"), primary_key=True
    )
    ordinal: Mapped[int] = column("Order, from 1.", primary_key=True)
    weight: Mapped[int] = column("Percent of the requests that went to the new release.")
    seconds: Mapped[float] = column("How long it was held.")
    old_requests: Mapped[int] = column("Requests that the old release answered.")
    new_requests: Mapped[int] = column("Requests that the new one answered.")
    old_errors: Mapped[int] = column("Of the old one's answers those with status 500 and above.")
    new_errors: Mapped[int] = column("Of the new one's.")
    old_p95: Mapped[float | None] = column("Seconds that 95 % of the old one's answers kept; empty: not known.")
    new_p95: Mapped[float | None] = column("Of the new one's.")
    slow_bound: Mapped[float] = column("Seconds: the bound that tells the releases apart best; 0: none does.")
    old_slow: Mapped[int] = column("Answers of the old one that took longer.")
    new_slow: Mapped[int] = column("Of the new one.")
    error_p: Mapped[float] = column(
        "Chance of so many failed answers of the new one by accident (Fisher's exact test)."
    )
    slow_p: Mapped[float] = column("Chance of so many slow ones, corrected for the number of bounds.")
    verdict: Mapped[str] = column("no worse, worse or not enough requests.")
    reason: Mapped[str] = column("Why, in words.")
    judged_at: Mapped[datetime] = written_at("When.")

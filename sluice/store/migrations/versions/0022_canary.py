"""The steps of canaries are rows: both releases' answers at the same time, and the verdict."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

COUNTS = {
    "old_requests": "Requests that the old release answered.",
    "new_requests": "Requests that the new one answered.",
    "old_errors": "Of the old one's answers those with status 500 and above.",
    "new_errors": "Of the new one's.",
}
SLOW = {"old_slow": "Answers of the old one that took longer.", "new_slow": "Of the new one."}
CHANCES = {
    "error_p": "Chance of so many failed answers of the new one by accident (Fisher's exact test).",
    "slow_p": "Chance of so many slow ones, corrected for the number of bounds.",
}
P95 = {"old_p95": "Seconds that 95 % of the old one's answers kept; empty: not known.", "new_p95": "Of the new one's."}
BOUND = "Seconds: the bound that tells the releases apart best; 0: none does."
CHECKS = {
    **{name: f"{name} >= 0" for name in (*COUNTS, *SLOW)},
    **{name: f"{name} >= 0 AND {name} < 'Infinity'" for name in ("seconds", *P95, "slow_bound")},
    "ordinal": "ordinal >= 1",
    "weight": "weight BETWEEN 1 AND 99",
    "chances": "error_p BETWEEN 0 AND 1 AND slow_p BETWEEN 0 AND 1",
    "verdict": "verdict IN ('no worse', 'worse', 'not enough requests')",
}
CANARIES = """
CREATE VIEW v_canary_steps AS
SELECT p.name AS project, e.name AS environment, d.run_id, r.number AS run_number, d.release_digest, d.previous_digest,
       d.state, c.ordinal, c.weight, c.seconds, c.old_requests, c.new_requests, c.old_errors, c.new_errors, c.old_p95,
       c.new_p95, c.slow_bound, c.old_slow, c.new_slow, c.error_p, c.slow_p, c.verdict, c.reason, c.judged_at,
       d.id AS deployment_id
FROM canary_steps c
JOIN deployments d ON d.id = c.deployment_id
JOIN environments e ON e.id = d.environment_id
JOIN projects p ON p.id = d.project_id
LEFT JOIN pipeline_runs r ON r.id = d.run_id
"""


def numbers(told: dict[str, str]) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False, comment=comment) for name, comment in told.items()]


def measures(told: dict[str, str], *, nullable: bool = False) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double(), nullable=nullable, comment=comment) for name, comment in told.items()]


def upgrade() -> None:
    owner = op.f("fk_canary_steps_deployment_id")
    op.create_table(
        "canary_steps",
        sa.Column("deployment_id", sa.UUID(as_uuid=False), nullable=False, comment="Deploy."),
        *numbers({"ordinal": "Order, from 1.", "weight": "Percent of the requests that went to the new release."}),
        *measures({"seconds": "How long it was held."}),
        *numbers(COUNTS),
        *measures(P95, nullable=True),
        *measures({"slow_bound": BOUND}),
        *numbers(SLOW),
        *measures(CHANCES),
        sa.Column("verdict", sa.Text(), nullable=False, comment="no worse, worse or not enough requests."),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, in words."),
        sa.Column(
            "judged_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="When.",
        ),
        *(sa.CheckConstraint(check, name=op.f(f"ck_canary_steps_{name}")) for name, check in CHECKS.items()),
        sa.ForeignKeyConstraint(["deployment_id"], ["deployments.id"], name=owner, ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("deployment_id", "ordinal", name=op.f("pk_canary_steps")),
        comment="Steps of canaries: both releases' answers at the same time, and the verdict.",
    )
    op.execute(CANARIES)
    op.execute("COMMENT ON VIEW v_canary_steps IS 'How new releases did beside the old ones, step by step.'")

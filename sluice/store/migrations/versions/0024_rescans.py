"""What serves is looked at again with newer vulnerability data, and a view says which finding runs where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# The scan of what serves, and of later looks at it what that scan did not know.
RUNNING = """
CREATE VIEW v_running_findings AS
WITH serving AS (
    SELECT e.id AS environment_id, e.project_id, p.name AS project, e.name AS environment, m.to_digest
    FROM environments e
    JOIN projects p ON p.id = e.project_id
    JOIN LATERAL (
        SELECT v.to_digest FROM v_moves v
        WHERE v.environment_id = e.id AND v.state = 'serving' ORDER BY v.number DESC LIMIT 1
    ) m ON true
), found AS (
    SELECT g.project_id, g.project, g.environment, g.to_digest AS release_digest, f.severity, f.kind, f.rule, f.title,
           f.package, f.version, f.fixed_version, f.score, f.layer, f.from_base, f.waived, f.path, f.fingerprint, f.url,
           'scan' AS seen_by
    FROM serving g
    JOIN LATERAL (
        SELECT s.id FROM stage_runs s JOIN pipeline_runs r ON r.id = s.run_id
        WHERE r.project_id = g.project_id AND s.stage = 'scan' AND s.state = 'passed'
          AND s.record ->> 'subject_digest' = g.to_digest ORDER BY s.ended_at DESC LIMIT 1
    ) s ON true
    JOIN findings f ON f.stage_run_id = s.id
    UNION ALL
    SELECT g.project_id, g.project, g.environment, g.to_digest, f.severity, 'vulnerability', f.rule, f.title,
           f.package, f.version, f.fixed_version, f.score, NULL, NULL, false, NULL, f.fingerprint, f.url, 'rescan'
    FROM serving g
    JOIN LATERAL (
        SELECT x.id FROM rescans x
        WHERE x.environment_id = g.environment_id AND x.release_digest = g.to_digest AND x.problem = ''
        ORDER BY x.id DESC LIMIT 1
    ) x ON true
    JOIN rescan_findings f ON f.rescan_id = x.id AND f.is_new
)
SELECT project, environment, release_digest, severity, kind, rule, title, package, version, fixed_version, score, layer,
       from_base, waived, path, fingerprint, url, seen_by,
       least((SELECT min(o.found_at) FROM findings o
              WHERE o.fingerprint = found.fingerprint AND o.project_id = found.project_id),
             (SELECT min(y.scanned_at) FROM rescan_findings o JOIN rescans y ON y.id = o.rescan_id
              JOIN environments z ON z.id = y.environment_id
              WHERE o.fingerprint = found.fingerprint AND z.project_id = found.project_id)) AS first_seen
FROM found
"""


def text(name: str, comment: str, *, empty: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=empty, comment=comment)


def upgrade() -> None:
    op.create_table(
        "rescans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="Number of the look."),
        sa.Column("environment_id", sa.BigInteger(), nullable=False, comment="Environment."),
        text("release_digest", "Release that served there."),
        sa.Column(
            "problem",
            sa.Text(),
            nullable=False,
            server_default="",
            comment="Why nothing could be looked for; empty: it could.",
        ),
        sa.Column(
            "database_updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Age of the vulnerability data.",
        ),
        sa.Column("packages", sa.BigInteger(), nullable=False, comment="Packages that were looked at."),
        sa.Column(
            "scanned_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("clock_timestamp()"),
            comment="When.",
        ),
        sa.CheckConstraint("release_digest ~ '^sha256:[0-9a-f]{64}$'", name=op.f("ck_rescans_release_digest")),
        sa.CheckConstraint("packages >= 0", name=op.f("ck_rescans_packages")),
        sa.ForeignKeyConstraint(["environment_id"], ["environments.id"], name=op.f("fk_rescans_environment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rescans")),
        comment="Looks at what serves, with newer vulnerability data than its scan had.",
    )
    op.create_index("ix_rescans_environment_id_id", "rescans", ["environment_id", "id"])
    op.create_table(
        "rescan_findings",
        sa.Column("rescan_id", sa.BigInteger(), nullable=False, comment="Look."),
        text("fingerprint", "As in findings."),
        sa.Column("is_new", sa.Boolean(), nullable=False, comment="The release's own scan did not know it."),
        text("rule", "CVE or other name."),
        text("severity", "critical, high, medium, low or unknown."),
        text("title", "What it is."),
        text("package", "Package.", empty=True),
        text("version", "Version of the package.", empty=True),
        text("fixed_version", "Version that mends it.", empty=True),
        sa.Column("score", sa.Double(), nullable=True, comment="CVSS score, 0 to 10."),
        text("url", "Where to read about it.", empty=True),
        sa.CheckConstraint(
            "severity IN ('critical', 'high', 'medium', 'low', 'unknown')", name=op.f("ck_rescan_findings_severity")
        ),
        sa.CheckConstraint("score BETWEEN 0 AND 10", name=op.f("ck_rescan_findings_score")),
        sa.ForeignKeyConstraint(
            ["rescan_id"], ["rescans.id"], name=op.f("fk_rescan_findings_rescan_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("rescan_id", "fingerprint", name=op.f("pk_rescan_findings")),
        comment="Vulnerabilities that looks at what serves have found.",
    )
    op.create_index("ix_rescan_findings_fingerprint", "rescan_findings", ["fingerprint"])
    op.execute(RUNNING)
    op.execute(
        "COMMENT ON VIEW v_running_findings IS 'Findings of what serves in each environment: of its scan, and newer ones.'"
    )

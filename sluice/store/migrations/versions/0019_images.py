"""Images and their layers are rows; a finding says which layer it is in and whether the base brings it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

DIGEST = "digest ~ '^sha256:[0-9a-f]{64}$'"
IMAGES = """
CREATE VIEW v_images AS
SELECT r.number AS run_number, r.id AS run_id, p.name AS project, i.image_name, i.tags, i.digest, i.size, i.created,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('digest', l.digest, 'size', l.size, 'platform', l.platform,
                                                     'from_base', l.from_base) ORDER BY l.ordinal), '[]'::jsonb)
        FROM image_layers l WHERE l.stage_run_id = i.stage_run_id) AS layers,
       i.platforms, i.base_name, i.base_digest, i.labels, i.builder, i.engine, i.steps, i.cached_steps
FROM images i
JOIN stage_runs s ON s.id = i.stage_run_id
JOIN pipeline_runs r ON r.id = s.run_id
JOIN projects p ON p.id = i.project_id
"""


def text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, comment=comment)


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Build."),
        sa.Column("project_id", sa.BigInteger(), nullable=False, comment="Project."),
        text("image_name", "Registry and repository."),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False, comment="Tags that named it when it was pushed."),
        text("digest", "Digest of its manifest, or of the index of several platforms."),
        text("media_type", "Media type of that."),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="Bytes of all layers and configurations, compressed."),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False, comment="When it was made, as it says itself."),
        sa.Column("labels", postgresql.JSONB(none_as_null=True), nullable=False, comment="Its labels."),
        text("base_name", "Image that it begins with; empty: nothing."),
        text("base_digest", "Digest of that, or its id where no registry gave it one."),
        sa.Column("platforms", postgresql.ARRAY(sa.Text()), nullable=False, comment="Platforms, e.g. linux/amd64."),
        text("builder", "buildkit or classic."),
        text("engine", "Version of the Docker engine."),
        sa.Column("steps", sa.BigInteger(), nullable=False, comment="Steps of the build."),
        sa.Column("cached_steps", sa.BigInteger(), nullable=False, comment="Steps that the engine had already."),
        sa.CheckConstraint(DIGEST, name=op.f("ck_images_digest")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_images_size")),
        sa.CheckConstraint("builder IN ('buildkit', 'classic')", name=op.f("ck_images_builder")),
        sa.ForeignKeyConstraint(["stage_run_id"], ["stage_runs.id"], name=op.f("fk_images_stage_run_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_images_project_id")),
        sa.PrimaryKeyConstraint("stage_run_id", name=op.f("pk_images")),
        comment="Images that builds made, pushed and read back.",
    )
    op.create_index("ix_images_digest", "images", ["digest"])
    op.create_table(
        "image_layers",
        sa.Column("stage_run_id", sa.UUID(as_uuid=False), nullable=False, comment="Build."),
        sa.Column("ordinal", sa.BigInteger(), nullable=False, comment="Order, from 1, platform after platform."),
        text("platform", "Platform."),
        text("digest", "Digest of the compressed layer."),
        sa.Column("size", sa.BigInteger(), nullable=False, comment="Bytes, compressed."),
        sa.Column("from_base", sa.Boolean(), nullable=False, comment="The base image brings it."),
        sa.CheckConstraint(DIGEST, name=op.f("ck_image_layers_digest")),
        sa.CheckConstraint("size >= 0", name=op.f("ck_image_layers_size")),
        sa.ForeignKeyConstraint(
            ["stage_run_id"], ["images.stage_run_id"], name=op.f("fk_image_layers_stage_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("stage_run_id", "ordinal", name=op.f("pk_image_layers")),
        comment="Layers of images, lowest first.",
    )
    op.add_column("findings", sa.Column("layer", sa.Text(), nullable=True, comment="Of an image: layer that it is in."))
    op.add_column(
        "findings",
        sa.Column("from_base", sa.Boolean(), nullable=True, comment="Of an image: whether the base image brings it."),
    )
    op.execute(IMAGES)
    op.execute("COMMENT ON VIEW v_images IS 'Images with their layers, build by build.'")

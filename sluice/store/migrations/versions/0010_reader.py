"""What the reading role cannot do, whoever logs in as it: write, make things, ask for ever."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Roles belong to the server, and an outside one may not let us change them: what cannot be done is left undone, and
# the role still has no right to write. Another database may change the same role at the same moment (internal error).
LIMITS = """
DO $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        'ALTER ROLE sluice_reader SET default_transaction_read_only = on',
        'ALTER ROLE sluice_reader SET statement_timeout = ''60s''',
        'ALTER ROLE sluice_reader SET idle_in_transaction_session_timeout = ''5min''',
        'ALTER ROLE sluice_reader CONNECTION LIMIT 20',
        'REVOKE CREATE ON SCHEMA public FROM PUBLIC',
        'REVOKE EXECUTE ON FUNCTION pg_catalog.lo_create(oid), pg_catalog.lo_creat(integer), '
            'pg_catalog.lo_from_bytea(oid, bytea), pg_catalog.lo_put(oid, bigint, bytea), '
            'pg_catalog.lo_open(oid, integer), pg_catalog.lo_unlink(oid) FROM PUBLIC'
    ] LOOP
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN insufficient_privilege OR undefined_object OR internal_error THEN
            RAISE NOTICE 'not done: %', statement;
        END;
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute(LIMITS)

"""Months of every table that is split: made ahead, listed, and dropped whole when they are old."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# As in 0001, for every table that is split, whichever they are.
MAKE_PARTITIONS = """
CREATE OR REPLACE FUNCTION sluice_make_partitions(months integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    child text;
    first timestamptz;
BEGIN
    FOR parent IN SELECT relname FROM pg_class
                  WHERE relkind = 'p' AND relnamespace = 'public'::regnamespace ORDER BY relname LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I DEFAULT', parent || '_default', parent);
        FOR month IN 0..months LOOP
            first := date_trunc('month', now(), 'UTC') + make_interval(months => month);
            child := parent || to_char(first AT TIME ZONE 'UTC', '_YYYY_MM');
            IF to_regclass(child) IS NULL THEN
                BEGIN
                    EXECUTE format(
                        'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                        child, parent, first, first + interval '1 month');
                EXCEPTION WHEN check_violation THEN
                    RAISE NOTICE '% stays in the default partition', child;
                END;
            END IF;
        END LOOP;
    END LOOP;
END $$
"""

MONTHS_MISSING = """
CREATE FUNCTION sluice_months_missing(months integer) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM pg_class parent, generate_series(0, months) AS month
        WHERE parent.relkind = 'p' AND parent.relnamespace = 'public'::regnamespace AND to_regclass(
            parent.relname || to_char((now() AT TIME ZONE 'UTC') + make_interval(months => month), '_YYYY_MM')
        ) IS NULL
    )
$$
"""

MONTHS = """
CREATE VIEW v_months AS
SELECT parent.relname::text AS table_name, child.relname::text AS partition, bounds.first, bounds.until,
       pg_total_relation_size(child.oid) AS bytes, greatest(child.reltuples, 0)::bigint AS rows
FROM pg_class parent
JOIN pg_inherits i ON i.inhparent = parent.oid
JOIN pg_class child ON child.oid = i.inhrelid
CROSS JOIN LATERAL (
    SELECT (regexp_match(text, 'FROM \\(''([^'']+)''\\)'))[1]::timestamptz AS first,
           (regexp_match(text, 'TO \\(''([^'']+)''\\)'))[1]::timestamptz AS until
    FROM pg_get_expr(child.relpartbound, child.oid) AS text
) bounds
WHERE parent.relkind = 'p' AND child.relkind = 'r' AND parent.relnamespace = 'public'::regnamespace
"""

# Rows of a wrong clock lie in the default partition, which stays: its old rows are deleted one by one.
DROP_MONTH = """
CREATE FUNCTION sluice_drop_month(old text, before timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    month v_months%ROWTYPE;
    deleted bigint;
BEGIN
    SELECT * INTO STRICT month FROM v_months WHERE partition = old;
    IF month.until <= before THEN
        EXECUTE format('DROP TABLE %I', old);
        RETURN month.bytes;
    ELSIF month.until IS NULL THEN
        EXECUTE format('DELETE FROM %I WHERE %I < %L', old,
            substring(pg_get_partkeydef(month.table_name::regclass) FROM '\\((.*)\\)'), before);
        GET DIAGNOSTICS deleted = ROW_COUNT;
        RETURN deleted;
    END IF;
    RAISE EXCEPTION '% holds rows that are not older than %', old, before;
END $$
"""

COMMENTS = {
    "FUNCTION sluice_make_partitions(integer)": "Makes the months of every table that is split by month, so many ahead.",
    "FUNCTION sluice_months_missing(integer)": "Tells whether one of the months that should be there is missing.",
    "FUNCTION sluice_drop_month(text, timestamptz)": "Drops a month that ended before a time; returns its bytes.",
    "VIEW v_months": "Months that the big tables are split into, with their size; the default one has no bounds.",
}


def upgrade() -> None:
    for statement in (MAKE_PARTITIONS, MONTHS_MISSING, MONTHS, DROP_MONTH):
        op.execute(statement)
    for thing, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {thing} IS '{comment}'")

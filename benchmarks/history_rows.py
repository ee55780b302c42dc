"""The SQL that makes up a year: four projects that grow, with flaky tests, breakages, branches, releases and rollbacks.

Nothing is random: every choice is a hash of its run or test, so that the same size gives the same history.
"""

from __future__ import annotations

FUNCTIONS = """
CREATE FUNCTION made_chance(text) RETURNS integer LANGUAGE sql IMMUTABLE AS
    'SELECT (hashtextextended($1, 0) & 2147483647)::integer % 1000';
CREATE FUNCTION made_sha(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT md5($1) || left(md5($1 || 1), 8)';
CREATE FUNCTION made_digest(text) RETURNS text LANGUAGE sql IMMUTABLE AS
    'SELECT ''sha256:'' || md5($1) || md5($1 || 1)';
"""

# name, tests at the end of the year, share of all results. Tests begin at half of that: three quarters on average.
PLAN = """
INSERT INTO projects (name, repository)
SELECT name, '/srv/' || name FROM unnest(ARRAY['shop', 'billing', 'search', 'portal']) AS name;
CREATE UNLOGGED TABLE made_projects AS
SELECT p.id, p.name, w.tests, ({results} * w.share / (0.75 * w.tests))::integer AS runs
FROM projects p
JOIN (VALUES ('shop', 2000, 0.4), ('billing', 1200, 0.3), ('search', 700, 0.2), ('portal', 300, 0.1))
    AS w(name, tests, share) USING (name);
CREATE UNLOGGED TABLE made_tests AS
SELECT p.id AS project_id, t, format('tests.part_%s.test_%s.TestIt::test_it_%s[%s]', t / 200, t / 20, t / 4, t % 4)
           AS test_id,
       0.004 * exp(6 * power(made_chance(p.name || t) / 1000.0, 3)) AS base,
       t % 60 = 7 AS skipped, t % 97 = 13 AS flaky, t % 211 = 5 AS fragile
FROM made_projects p, generate_series(1, p.tests) AS t;
CREATE UNLOGGED TABLE made_runs AS
SELECT m.*, md5('run' || key)::uuid AS id, md5('test' || key)::uuid AS execution_id,
       date_trunc('day', at) + interval '6 hours' + (at - date_trunc('day', at)) * 0.58 AS created_at,
       CASE WHEN made_chance('branch' || key) < 600 THEN 'main' ELSE 'feature/' || n / 8 END AS branch,
       made_sha(name || n - (n % 15 = 0)::integer) AS commit_sha, made_chance('lie' || key) < 15 AS lie,
       (tests_at_end * (0.5 + 0.5 * n / runs))::integer AS tests
FROM (
    SELECT p.id AS project_id, p.name, p.runs, p.tests AS tests_at_end, n, p.name || n AS key,
           now() - interval '1 day' - interval '365 days' * (p.runs - n) / p.runs AS at
    FROM made_projects p, generate_series(1, p.runs) AS n
) m;
"""

MONTHS = """
DO $$
DECLARE
    parent text;
    first timestamptz;
BEGIN
    FOREACH parent IN ARRAY ARRAY['test_results', 'findings'] LOOP
        FOR back IN 1..13 LOOP
            first := date_trunc('month', now(), 'UTC') - make_interval(months => back);
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                parent || to_char(first AT TIME ZONE 'UTC', '_YYYY_MM'), parent, first, first + interval '1 month');
        END LOOP;
    END LOOP;
END $$
"""

# One of two workers: half of the projects each. Green but for flaky tests, weekly breakages on main that take five runs
# to mend, tests that break on some branches only, and one test of `shop` that is broken now.
RESULTS = """
INSERT INTO test_results (execution_id, ordinal, start_time, test_id, suite, status, duration, message)
SELECT execution_id, t, created_at, test_id, 'pytest', status,
       CASE WHEN status <> 'skipped' THEN base * (1 + 0.4 * n / runs) * (0.9 + dice / 5000.0) END,
       CASE WHEN status = 'failed' THEN 'AssertionError: assert 1 == 2' ELSE '' END
FROM (
    SELECT r.execution_id, t.t, r.created_at, t.test_id, t.base, r.n, r.runs, dice,
           CASE WHEN t.skipped THEN 'skipped'
                WHEN t.flaky AND dice < 6 THEN 'failed'
                WHEN r.branch = 'main' AND r.n % 120 BETWEEN 40 AND 44 AND t.t = r.n / 120 + 1 THEN 'failed'
                WHEN t.fragile AND r.branch <> 'main' AND r.n / 8 % 9 = 4 THEN 'failed'
                WHEN r.name = 'shop' AND r.branch = 'main' AND r.n > r.runs - 9 AND t.t = 17 THEN 'failed'
                ELSE 'passed' END AS status
    FROM made_runs r
    JOIN made_tests t ON t.project_id = r.project_id AND t.t <= r.tests,
    LATERAL (SELECT ((t.t::bigint * 2654435761 + r.n * 40503::bigint + r.project_id * 97) % 1000003 % 1000)) AS d(dice)
    WHERE NOT r.lie AND r.project_id % 2 = {half}
    ORDER BY r.n
) made
"""

RUNS = """
CREATE UNLOGGED TABLE made_counts AS
SELECT execution_id, count(*) AS total, count(*) FILTER (WHERE status = 'failed') AS failed,
       count(*) FILTER (WHERE status = 'skipped') AS skipped, coalesce(sum(duration), 0) AS seconds
FROM test_results GROUP BY execution_id;
ALTER TABLE made_runs ADD state text, ADD digest text;
UPDATE made_runs r SET digest = made_digest(r.commit_sha),
    state = CASE WHEN r.lie OR c.failed > 0 THEN 'failed' ELSE 'passed' END
FROM made_runs o LEFT JOIN made_counts c USING (execution_id) WHERE o.id = r.id;
INSERT INTO commits (project_id, sha, tree, parents, author_name, author_email, authored_at, committed_at, subject,
    body)
SELECT DISTINCT ON (project_id, commit_sha) project_id, commit_sha, commit_sha, '{}', author, author || '@example.org',
       created_at - interval '20 min', created_at - interval '20 min', 'Change ' || n, ''
FROM made_runs, LATERAL (SELECT (ARRAY['Ada', 'Bob', 'Cleo', 'Dan', 'Eve'])[1 + n % 5]) AS a(author)
ORDER BY project_id, commit_sha, n;
INSERT INTO pipeline_runs (id, project_id, repository, requested_ref, ref_kind, ref_name, commit_sha, trigger, state,
    reason, exit_code, created_at, started_at, ended_at)
SELECT id, project_id, '/srv/' || name, branch, 'branch', branch, commit_sha, 'webhook', state, '',
       CASE state WHEN 'passed' THEN 0 ELSE 10 END, created_at, created_at + waited,
       created_at + waited + interval '9 min'
FROM made_runs,
LATERAL (SELECT make_interval(secs => 1 + 200 * power(made_chance('wait' || key) / 1000.0, 6))) AS w(waited)
ORDER BY created_at;
"""

STAGES = """
INSERT INTO stage_runs (id, run_id, stage, ordinal, state, record, key, started_at, ended_at)
SELECT md5(s.stage || key)::uuid, r.id, s.stage, s.place, outcome,
       CASE WHEN outcome <> 'rejected' THEN jsonb_build_object('subject_digest', r.digest, 'commit', r.commit_sha) END,
       md5(key) || md5(s.stage), began, began + make_interval(secs => s.seconds * (0.8 + chance / 2000.0))
FROM made_runs r
CROSS JOIN (VALUES ('checkout', 1, 3), ('test', 2, 240), ('build', 3, 60), ('scan', 4, 45)) AS s(stage, place, seconds),
LATERAL (SELECT made_chance(s.stage || key), r.created_at + make_interval(secs => 5 + 60 * s.place))
    AS c(chance, began),
LATERAL (SELECT CASE WHEN s.stage = 'test' AND r.lie THEN 'rejected' WHEN s.stage = 'test' THEN r.state
                     ELSE 'passed' END) AS o(outcome)
WHERE s.place <= 2 OR r.state = 'passed'
ORDER BY r.created_at, s.place;
INSERT INTO quality_checks (stage_run_id, ordinal, code, name, severity, status, expectation, expected, observed)
SELECT s.id, n, upper(left(s.stage, 1)) || to_char(n, 'FM00'), 'CHECK_' || n, 'stop',
       CASE WHEN s.state = 'rejected' AND n = 1 + abs(hashtext(s.id::text)) % 7 THEN 'failed'
            WHEN n = 9 AND s.number < 500 THEN 'not_enough_history' ELSE 'passed' END, 'expect', '', ''
FROM stage_runs s, generate_series(1, 9) AS n;
INSERT INTO changed_files (stage_run_id, path, change, additions, deletions)
SELECT DISTINCT ON (s.id, path) s.id, path, 'M', 3, 1
FROM stage_runs s, generate_series(1, 3) AS n,
LATERAL (SELECT 'shop/part_' || abs(hashtext(s.id::text || n)) % 60 || '.py') AS f(path)
WHERE s.stage = 'checkout';
INSERT INTO test_executions (id, project_id, stage_run_id, ordinal, framework_name, cell, command, status, exit_code,
    start_time, end_time, execution_time, total_tests, passed_tests, failed_tests, skipped_tests, case_seconds,
    lines_valid, lines_covered)
SELECT r.execution_id, r.project_id, md5('test' || key)::uuid, 1, 'pytest', 'py3.11', '{pytest}', r.state,
       CASE r.state WHEN 'passed' THEN 0 ELSE 1 END, r.created_at, r.created_at + interval '4 min', 240, c.total,
       c.total - c.failed - c.skipped, c.failed, c.skipped, c.seconds, r.tests * 10,
       (r.tests * (7 + 2.0 * r.n / r.runs))::integer
FROM made_runs r JOIN made_counts c USING (execution_id) ORDER BY r.created_at;
INSERT INTO coverage_files (execution_id, path, lines_valid, lines_covered, branches_valid, branches_covered,
    missing_lines)
SELECT r.execution_id, CASE f WHEN 1 THEN 'shop/pay.py' ELSE 'shop/part_' || f || '.py' END, 100 + f,
       (60 + f / 2 + 20.0 * r.n / r.runs)::integer, 0, 0, '7-16,40'
FROM made_runs r, generate_series(1, 40) AS f WHERE NOT r.lie AND r.branch = 'main';
"""

SCANS = """
CREATE UNLOGGED TABLE made_scans AS
SELECT r.*, s.id AS scan_id, s.ended_at AS scanned_at FROM made_runs r JOIN stage_runs s ON s.run_id = r.id
WHERE s.stage = 'scan';
INSERT INTO findings (stage_run_id, fingerprint, found_at, project_id, kind, rule, severity, title, tools, package,
    version, waived, blocking)
SELECT scan_id, name || '-' || f, scanned_at, project_id, 'vulnerability', 'CVE-2026-' || 1000 + f,
       (ARRAY['critical', 'high', 'medium', 'medium', 'low', 'low'])[1 + f % 6], 'Something about ' || f, '{trivy}',
       'package-' || f, '1.0.' || f, f % 11 = 3, false
FROM made_scans, generate_series(1, 40) AS f
WHERE n BETWEEN runs * (f - 8) / 40 AND runs * (f + 4) / 40;
INSERT INTO packages (stage_run_id, ordinal, name, version, type, licences)
SELECT scan_id, k, CASE k WHEN 1 THEN 'urllib3' ELSE 'package-' || k END, '1.' || n * 12 / runs || '.' || k, 'pypi',
       '{MIT}'
FROM made_scans, generate_series(1, 40) AS k WHERE branch = 'main';
INSERT INTO performance_runs (stage_run_id, project_id, branch, stage, recorded_at)
SELECT scan_id, project_id, branch, 'scan', scanned_at FROM made_scans WHERE branch = 'main';
INSERT INTO performance_metrics (stage_run_id, metric, value, unit)
SELECT scan_id, metric, CASE WHEN n % 400 = 0 THEN 9000 ELSE 1000 + n % 37 END, 'count'
FROM made_scans, unnest(ARRAY['scan.packages', 'scan.findings', 'scan.seconds']) AS metric WHERE branch = 'main';
"""

# Every green run of main is deployed to staging, every third of them to production; one in twenty of those is undone.
MOVES = """
INSERT INTO environments (project_id, name, target)
SELECT p.id, e.name, 'process' FROM made_projects p, unnest(ARRAY['staging', 'production']) AS e(name);
INSERT INTO releases (project_id, digest, kind, version, commit_sha, size, record)
SELECT DISTINCT ON (project_id, digest) project_id, digest, 'bundle', '1.' || n, commit_sha, 1000000, '{}'
FROM made_scans WHERE branch = 'main' ORDER BY project_id, digest, n;
CREATE UNLOGGED TABLE made_moves AS
SELECT s.id AS run_id, s.project_id, e.id AS environment_id, s.digest, e.name AS place, moved_at, bad,
       lag(s.digest) OVER (PARTITION BY e.id ORDER BY s.n) AS previous
FROM made_scans s JOIN environments e ON e.project_id = s.project_id,
LATERAL (SELECT s.scanned_at + CASE e.name WHEN 'staging' THEN interval '1 min' ELSE interval '5 min' END,
                e.name = 'production' AND s.n % 20 = 0) AS m(moved_at, bad)
WHERE s.branch = 'main' AND (e.name = 'staging' OR s.n % 3 = 0 OR s.n % 20 = 0);
CREATE UNLOGGED TABLE made_order AS
SELECT *, row_number() OVER (ORDER BY at) AS number FROM (
    SELECT 'deploy' AS move, *, moved_at AS at FROM made_moves
    UNION ALL
    SELECT 'rollback', *, moved_at + interval '2 min' FROM made_moves WHERE bad AND previous IS NOT NULL
) both_ways;
INSERT INTO deployments (id, number, run_id, project_id, environment_id, target, release_digest, previous_digest, fence,
    state, smoke_passed, started_at, ended_at)
SELECT gen_random_uuid(), number, run_id, project_id, environment_id, 'process', digest, previous, number, 'serving',
       NOT bad, at, at + interval '40 s'
FROM made_order WHERE move = 'deploy';
INSERT INTO rollbacks (id, number, run_id, project_id, environment_id, target, from_digest, to_digest, reason, fence,
    state, validated, seconds_to_restore, started_at, ended_at)
SELECT gen_random_uuid(), number, run_id, project_id, environment_id, 'process', digest, previous, 'K02', number,
       'serving', true, 12 + number % 20, at, at + make_interval(secs => 12 + number % 20)
FROM made_order WHERE move = 'rollback';
SELECT setval('journal_number', (SELECT max(number) FROM made_order));
INSERT INTO baselines (project_id, branch, metric, samples, recent, median, mad, lowest, highest, latest)
SELECT id, 'main', metric, 30, '{1000}', 1018, 9, 1000, 9000, 1018
FROM made_projects, unnest(ARRAY['scan.packages', 'scan.findings', 'scan.seconds']) AS metric;
"""

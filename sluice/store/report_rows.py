"""The rows that a report is made of, beside the run and its stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

RECORDS = """
SELECT s.stage, coalesce(s.record, q.record) AS record
FROM stage_runs s LEFT JOIN quarantine q ON q.stage_run_id = s.id WHERE s.run_id = :run
"""
WRITTEN = """
SELECT c.path, c.change, c.lines FROM stage_runs s
JOIN changed_files c ON c.stage_run_id = coalesce(s.reused_from, s.id)
WHERE s.run_id = :run AND s.stage = 'checkout' ORDER BY c.path
"""
# A test stage of which some cells were reused has their executions where they were made.
MADE = """
WITH mine AS (SELECT coalesce(reused_from, id) AS id, run_id FROM stage_runs WHERE run_id = :run AND stage = 'test'),
made AS (
    SELECT id FROM mine
    UNION SELECT s.id FROM mine m JOIN stage_keys k ON k.stage_run_id = m.id
    JOIN stage_runs s ON s.run_id = k.produced_by AND s.stage = 'test')
"""
OUTPUT = """
SELECT e.cell, o.suite, o.stream, o.characters, o.output FROM made
JOIN test_executions e ON e.stage_run_id = made.id JOIN suite_outputs o ON o.execution_id = e.id
WHERE e.cell = ANY(:cells) ORDER BY e.cell, e.ordinal, o.ordinal LIMIT :most
"""
COVERAGE = """
SELECT c.path, c.missing_lines, c.covered_lines FROM made
JOIN test_executions e ON e.stage_run_id = made.id JOIN coverage_files c ON c.execution_id = e.id
WHERE e.cell = ANY(:cells)
"""
FINDINGS = """
SELECT f.fingerprint, f.severity, f.kind, f.rule, f.title, f.path, f.line, f.package, f.version, f.fixed_version,
       f.tools, f.url, f.waived, f.blocking
FROM stage_runs s JOIN findings f ON f.stage_run_id = coalesce(s.reused_from, s.id)
WHERE s.run_id = :run AND s.stage = 'scan'
ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low', 'unknown'], f.severity), f.path, f.line, f.rule
"""
# Accepted scans have a record: red ones too, rejected ones never.
BASE = """
SELECT r.id::text AS run_id, r.ref_name AS branch, r.commit_sha AS commit
FROM pipeline_runs mine JOIN pipeline_runs r ON r.project_id = mine.project_id AND r.number < mine.number
JOIN stage_runs s ON s.run_id = r.id AND s.stage = 'scan' AND s.record IS NOT NULL
WHERE mine.id = :run AND r.ref_kind = 'branch' AND r.ref_name = :branch ORDER BY r.number DESC LIMIT 1
"""
CANARY = """
SELECT c.weight, c.seconds, c.old_requests, c.new_requests, c.old_errors, c.new_errors, c.old_p95, c.new_p95, c.error_p,
       c.slow_p, c.verdict, c.reason
FROM canary_steps c JOIN deployments d ON d.id = c.deployment_id WHERE d.run_id = :run ORDER BY d.number, c.ordinal
"""
CONFIG = "SELECT config FROM pipeline_runs WHERE id = :run"


class ReportRows:
    """Answers of one connection about one run."""

    def __init__(self, connection: Connection, run_id: str) -> None:
        self._connection = connection
        self._run = {"run": run_id}

    def records(self) -> dict[str, dict[str, Any]]:
        """Return stage → the record that it handed to its boundary, rejected ones too."""
        return {row.stage: row.record for row in self._connection.execute(text(RECORDS), self._run) if row.record}

    def config(self) -> dict[str, Any] | None:
        """Return the configuration in effect; None before the run came so far."""
        found: dict[str, Any] | None = self._connection.scalar(text(CONFIG), self._run)
        return found

    def written(self) -> list[tuple[str, str, str | None]]:
        """Return path, kind of change and written lines of each changed file."""
        return [(row.path, row.change, row.lines) for row in self._connection.execute(text(WRITTEN), self._run)]

    def coverage(self, cells: Sequence[str]) -> list[tuple[str, str, str]]:
        """Return path, missing and covered lines, a row an execution and file."""
        found = self._connection.execute(text(MADE + COVERAGE), {**self._run, "cells": list(cells)})
        return [(row.path, row.missing_lines, row.covered_lines) for row in found]

    def output(self, cells: Sequence[str], most: int) -> list[tuple[str, str, str, int, str]]:
        """Return cell, suite, stream, characters and text of what suites printed beside their cases."""
        found = self._connection.execute(text(MADE + OUTPUT), {**self._run, "cells": list(cells), "most": most})
        return [(row.cell, row.suite, row.stream, row.characters, row.output) for row in found]

    def findings(self) -> list[dict[str, Any]]:
        """Return the findings of the accepted scan, the worst first."""
        return [dict(row) for row in self._connection.execute(text(FINDINGS), self._run).mappings()]

    def canary(self) -> list[dict[str, Any]]:
        """Return the steps of the run's canary, in order; none when its release took over at once."""
        return [dict(row) for row in self._connection.execute(text(CANARY), self._run).mappings()]

    def base(self, branch: str) -> dict[str, Any] | None:
        """Return the newest run of `branch` before this one whose scan was accepted."""
        row = self._connection.execute(text(BASE), {**self._run, "branch": branch}).mappings().one_or_none()
        return dict(row) if row is not None else None

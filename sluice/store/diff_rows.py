"""What two runs are compared by: their test cases, coverage, findings, packages and tools."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

# The test stages that made the executions of a run: its own, and those whose cells it reused.
MADE = """
WITH mine AS (SELECT coalesce(reused_from, id) AS id FROM stage_runs WHERE run_id = :run AND stage = 'test'),
made AS (
    SELECT id FROM mine
    UNION SELECT s.id FROM mine m JOIN stage_keys k ON k.stage_run_id = m.id
    JOIN stage_runs s ON s.run_id = k.produced_by AND s.stage = 'test')
"""
CASES = """
SELECT t.test_id, bool_or(t.status IN ('failed', 'error')) AS red, bool_and(t.status = 'skipped') AS skipped,
       max(t.duration) AS seconds
FROM made JOIN test_executions e ON e.stage_run_id = made.id
JOIN test_results t ON t.execution_id = e.id AND t.start_time = e.start_time
WHERE e.cell = ANY(:cells) GROUP BY t.test_id
"""
FILES = """
SELECT c.path, max(c.lines_valid) AS valid, max(c.lines_covered) AS covered
FROM made JOIN test_executions e ON e.stage_run_id = made.id JOIN coverage_files c ON c.execution_id = e.id
WHERE e.cell = ANY(:cells) GROUP BY c.path
"""
PACKAGES = """
SELECT p.type, p.name, string_agg(DISTINCT p.version, ', ' ORDER BY p.version) AS version
FROM stage_runs s JOIN packages p ON p.stage_run_id = coalesce(s.reused_from, s.id)
WHERE s.run_id = :run AND s.stage = 'scan' GROUP BY p.type, p.name
"""
TOOLS = """
SELECT t.name, string_agg(DISTINCT t.version, ', ' ORDER BY t.version) AS version
FROM stage_runs s JOIN tool_uses t ON t.stage_run_id = coalesce(s.reused_from, s.id)
WHERE s.run_id = :run AND t.version <> '' GROUP BY t.name
"""


class DiffRows:
    """Answers of one connection about one run."""

    def __init__(self, connection: Connection, run_id: str, cells: list[str]) -> None:
        self._connection = connection
        self._values: dict[str, Any] = {"run": run_id, "cells": cells}

    def cases(self) -> dict[str, Any]:
        """Return test id → row: red when red in any cell, skipped when in all, the slowest cell's seconds."""
        return {row.test_id: row for row in self._connection.execute(text(MADE + CASES), self._values)}

    def files(self) -> dict[str, tuple[int, int]]:
        """Return path → lines that can be covered, and those that are in the best cell."""
        rows = self._connection.execute(text(MADE + FILES), self._values)
        return {row.path: (row.valid, row.covered) for row in rows}

    def packages(self) -> dict[str, str]:
        """Return `type name` → version, of the bill of materials."""
        rows = self._connection.execute(text(PACKAGES), self._values)
        return {f"{row.type} {row.name}": row.version for row in rows}

    def tools(self) -> dict[str, str]:
        """Return program → version, of the stages that did the work."""
        return {row.name: row.version for row in self._connection.execute(text(TOOLS), self._values)}

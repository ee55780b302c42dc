"""Test executions, their cases and coverage."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from sluice.store.tables.base import (
    Base,
    Json,
    Texts,
    UuidText,
    column,
    count,
    in_order,
    one_of,
    sane,
    sha256,
)

EXECUTION_STATUSES = ("passed", "failed", "empty", "broken", "timed_out", "killed")
STREAMS = ("stdout", "stderr")
CASE_STATUSES = ("passed", "flaky", "failed", "error", "skipped", "xfailed", "xpassed")
SUM_OF_STATUSES = (
    "passed_tests + flaky_tests + failed_tests + error_tests + skipped_tests + xfailed_tests + xpassed_tests"
)


class TestExecution(Base):
    """One framework's run in one cell of the test matrix."""

    __test__ = False
    __tablename__ = "test_executions"
    __table_args__ = (
        UniqueConstraint("stage_run_id", "ordinal"),
        one_of("status", EXECUTION_STATUSES),
        in_order("start_time", "end_time"),
        *sane("execution_time", "case_seconds", "cpu_seconds"),
        *count("total_tests", "passed_tests", "failed_tests", "error_tests", "skipped_tests", "xfailed_tests"),
        *count("xpassed_tests", "flaky_tests", "collected_tests", "peak_memory_bytes"),
        *count("lines_covered", "branches_covered"),
        CheckConstraint(f"{SUM_OF_STATUSES} = total_tests", name="counts_add_up"),
        CheckConstraint("lines_covered <= lines_valid", name="lines_valid"),
        CheckConstraint("branches_covered <= branches_valid", name="branches_valid"),
        CheckConstraint("shard BETWEEN 1 AND shards", name="shard"),
        CheckConstraint("status <> 'passed' OR (failed_tests = 0 AND error_tests = 0)", name="passed_is_green"),
        *(sha256(name) for name in ("report_sha256", "cases_sha256", "log_sha256")),
        Index("ix_test_executions_project_id_start_time", "project_id", "start_time"),
        Index("ix_test_executions_waiting", "start_time", postgresql_where=text("NOT rolled_up")),
        {"comment": "Test executions: one framework's run in one cell of the matrix."},
    )

    id: Mapped[UuidText] = column("Id of the execution.", primary_key=True)
    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"))
    stage_run_id: Mapped[UuidText] = column("Test stage.", ForeignKey("stage_runs.id", ondelete="CASCADE"))
    ordinal: Mapped[int] = column("Order in the stage, from 1.")
    framework_name: Mapped[str] = column("pytest, unittest, behave, robot or command.")
    framework_version: Mapped[str] = column("Version of the framework.", server_default="")
    cell: Mapped[str] = column("Cell of the matrix.")
    python: Mapped[str | None] = column("Python version that the cell asked for.")
    shard: Mapped[int] = column("Which part of the cell's tests, from 1.", server_default="1")
    shards: Mapped[int] = column("In how many parts the cell was split.", server_default="1")
    variables: Mapped[Json] = column("Environment variables of the cell.", server_default=text("'{}'"))
    environment: Mapped[Json] = column("What it ran on: python, platform, lock digest.", server_default=text("'{}'"))
    properties: Mapped[Json] = column("Properties that the report's suites declare.", server_default=text("'{}'"))
    command: Mapped[Texts] = column("The command as it was run.")
    status: Mapped[str] = column("passed, failed, empty, broken (report), timed_out or killed.")
    exit_code: Mapped[int] = column("Exit code of the command; 128 + n when signal n ended it.")
    signal: Mapped[int | None] = column("Signal that ended it.")
    start_time: Mapped[datetime] = column("When the command was started.")
    end_time: Mapped[datetime] = column("When it had ended.")
    execution_time: Mapped[float] = column("Wall seconds of the command.")
    case_seconds: Mapped[float] = column("Sum of the cases' seconds.", server_default="0")
    cpu_seconds: Mapped[float] = column("User and system seconds of the process tree.", server_default="0")
    peak_memory_bytes: Mapped[int] = column("Highest resident memory of the process tree.", server_default="0")
    total_tests: Mapped[int] = column("Cases in the report.")
    passed_tests: Mapped[int] = column("Cases that passed.")
    failed_tests: Mapped[int] = column("Cases that failed.")
    error_tests: Mapped[int] = column("Cases that broke outside of the test itself.", server_default="0")
    skipped_tests: Mapped[int] = column("Cases that were skipped.", server_default="0")
    xfailed_tests: Mapped[int] = column("Cases that failed as expected.", server_default="0")
    xpassed_tests: Mapped[int] = column("Cases that passed and were expected to fail.", server_default="0")
    flaky_tests: Mapped[int] = column("Cases that only passed when they were run again.", server_default="0")
    collected_tests: Mapped[int | None] = column("Cases that the framework said it collected.")
    lines_valid: Mapped[int | None] = column("Lines that could be covered; empty without coverage.")
    lines_covered: Mapped[int | None] = column("Lines that were covered.")
    branches_valid: Mapped[int | None] = column("Branches that could be covered.")
    branches_covered: Mapped[int | None] = column("Branches that were covered.")
    report_sha256: Mapped[str | None] = column("The report, in the artifact store.")
    cases_sha256: Mapped[str | None] = column("The cases as CSV, in the artifact store.")
    log_sha256: Mapped[str | None] = column("The log, in the artifact store.")
    rolled_up: Mapped[bool] = column("Its cases are in test_weeks.", server_default=text("false"))


class TestResult(Base):
    """One case of one execution. No foreign key: it would cost more than the load, and old months are dropped whole."""

    __test__ = False
    __tablename__ = "test_results"
    __table_args__ = (
        one_of("status", CASE_STATUSES),
        *sane("duration"),
        *count("line"),
        CheckConstraint("occurrence > 0", name="occurrence"),
        CheckConstraint("jsonb_typeof(notes) = 'object'", name="notes"),
        Index("ix_test_results_test_id", "test_id", "start_time"),
        Index("ix_test_results_red", "start_time", postgresql_where=text("status IN ('failed', 'error')")),
        Index("ix_test_results_flaky", "start_time", postgresql_where=text("status = 'flaky'")),
        {"comment": "Cases of test executions, by month.", "postgresql_partition_by": "RANGE (start_time)"},
    )

    execution_id: Mapped[UuidText] = column("Execution (test_executions.id).", primary_key=True)
    ordinal: Mapped[int] = column("Order in the report, from 1.", primary_key=True)
    start_time: Mapped[datetime] = column("Start of the execution; names the month.", primary_key=True)
    test_id: Mapped[str] = column("Class and name, as `classname::name`.")
    suite: Mapped[str] = column("Suite in the report.", server_default="")
    file: Mapped[str | None] = column("File that the report names.")
    line: Mapped[int | None] = column("Line that the report names.")
    status: Mapped[str] = column(
        "passed, flaky (only when it was run again), failed, error, skipped, xfailed or xpassed."
    )
    duration: Mapped[float | None] = column("Seconds; empty when the report's value was no duration.")
    message: Mapped[str] = column("Why it is not green, in short.", server_default="")
    detail: Mapped[str] = column("Traceback or output.", server_default="")
    test_key: Mapped[UuidText | None] = column("The test (tests.key), the same in every run.")
    occurrence: Mapped[int] = column("1; of cases with one name in one report the second is 2.", server_default="1")
    notes: Mapped[Json | None] = column(
        "Attempts, properties, attachments, tags, stdout and stderr, where it has some."
    )


class SuiteOutput(Base):
    """What a suite printed beside its cases, one stream."""

    __tablename__ = "suite_outputs"
    __table_args__ = (
        one_of("stream", STREAMS),
        *count("characters"),
        {"comment": "What suites printed beside their cases, of a long stream without its middle."},
    )

    execution_id: Mapped[UuidText] = column(
        "Execution.", ForeignKey("test_executions.id", ondelete="CASCADE"), primary_key=True
    )
    ordinal: Mapped[int] = column("Order in the reports, from 1.", primary_key=True)
    suite: Mapped[str] = column("Suite in the report; empty: the whole report.")
    stream: Mapped[str] = column("stdout or stderr.")
    characters: Mapped[int] = column("Length of the whole stream.")
    output: Mapped[str] = column("The stream; at most 8,000 characters and a mark for what is left out.")


class TestAttachment(Base):
    """A file that a report names beside a test or suite."""

    __test__ = False
    __tablename__ = "test_attachments"
    __table_args__ = (
        sha256("sha256"),
        *count("size"),
        CheckConstraint("(sha256 IS NULL) = (problem <> '')", name="kept_or_refused"),
        CheckConstraint("(sha256 IS NULL) = (size IS NULL)", name="kept_has_size"),
        Index("ix_test_attachments_sha256", "sha256"),
        {"comment": "Files that reports name beside tests: kept in the artifact store, or why not."},
    )

    execution_id: Mapped[UuidText] = column(
        "Execution.", ForeignKey("test_executions.id", ondelete="CASCADE"), primary_key=True
    )
    ordinal: Mapped[int] = column("Order in the reports, from 1.", primary_key=True)
    test_id: Mapped[str] = column("Class and name, as `classname::name`; empty: it belongs to a suite.")
    case_ordinal: Mapped[int | None] = column("The case (test_results.ordinal); empty: it belongs to a suite.")
    path: Mapped[str] = column("As the report names it; never opened as such.")
    media_type: Mapped[str | None] = column("What it is; a picture only when its first bytes say so.")
    size: Mapped[int | None] = column("Bytes.")
    sha256: Mapped[str | None] = column("File, in the artifact store.", ForeignKey("artifacts.sha256"))
    problem: Mapped[str] = column("Why it is not kept: ATTACHMENT_MISSING and the like.", server_default="")


class Test(Base):
    """A test as it is known over all runs. A file or class that was renamed is another test: nothing is merged."""

    __test__ = False
    __tablename__ = "tests"
    __table_args__ = (
        CheckConstraint("occurrence > 0", name="occurrence"),
        CheckConstraint("last_seen_on >= (first_seen_at AT TIME ZONE 'UTC')::date", name="last_seen"),
        Index("ix_tests_project_id_test_id", "project_id", "test_id"),
        {"comment": "Tests with the first run that ran them and the day on which they last ran."},
    )

    key: Mapped[UuidText] = column(
        "Digest of project, suite, file, class, name with parameters, and occurrence.", primary_key=True
    )
    project_id: Mapped[int] = column("Project.", ForeignKey("projects.id"))
    test_id: Mapped[str] = column("Class and name, as `classname::name`.")
    suite: Mapped[str] = column("Suite in the report.", server_default="")
    file: Mapped[str | None] = column("File that the report names.")
    classname: Mapped[str] = column("Class, module or package.", server_default="")
    name: Mapped[str] = column("Name without its parameters.")
    parameters: Mapped[str] = column("Parameters, as in `name[1-a]` or `Name(1,2)`.", server_default="")
    occurrence: Mapped[int] = column("1; of tests that are called the same the second is 2.", server_default="1")
    first_seen_run_id: Mapped[UuidText] = column("Run that ran it first.")
    first_seen_at: Mapped[datetime] = column("Start of that run's execution.")
    last_seen_on: Mapped[date] = column("Day (UTC) on which it was last run; v_known_tests has the run.")


class CoverageFile(Base):
    """Coverage of one file in one execution."""

    __tablename__ = "coverage_files"
    __table_args__ = (
        *count("lines_covered", "branches_covered"),
        CheckConstraint("lines_covered <= lines_valid", name="lines_valid"),
        CheckConstraint("branches_covered <= branches_valid", name="branches_valid"),
        Index("ix_coverage_files_path", "path"),
        {"comment": "Coverage by file and execution."},
    )

    execution_id: Mapped[UuidText] = column(
        "Execution.", ForeignKey("test_executions.id", ondelete="CASCADE"), primary_key=True
    )
    path: Mapped[str] = column("File, relative to the project.", primary_key=True)
    lines_valid: Mapped[int] = column("Lines that could be covered.")
    lines_covered: Mapped[int] = column("Lines that were covered.")
    branches_valid: Mapped[int] = column("Branches that could be covered.")
    branches_covered: Mapped[int] = column("Branches that were covered.")
    missing_lines: Mapped[str] = column("Line numbers that were not covered.", server_default="")
    covered_lines: Mapped[str] = column("Line numbers that were covered.", server_default="")

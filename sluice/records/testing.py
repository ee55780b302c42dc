"""Records of the test stage."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime, Field

from sluice.config.model import TestConfig
from sluice.records.common import ArtifactRef, Frozen, SourceRef, StageRecord
from sluice.states import StageName


class Problem(Frozen):
    """A report that could not be believed: code, and what was wrong where."""

    code: str
    message: str


class TestCell(Frozen):
    """One cell of the matrix: interpreter, environment axes and shard. `label` is unique in the run."""

    __test__: ClassVar[bool] = False

    label: str
    python: str | None = None
    env: dict[str, str] = Field(default_factory=dict)
    shard: int = Field(default=1, ge=1)
    shards: int = Field(default=1, ge=1)


class RunAgain(Frozen):
    """What an execution that ran only some tests again rests on: the results of an earlier run that stand."""

    run_id: str = Field(description="the run whose red tests ran again")
    asked: int = Field(ge=1, description="tests that were asked for")
    passed: int = Field(ge=0)
    skipped: int = Field(ge=0)
    xfailed: int = Field(ge=0)
    xpassed: int = Field(ge=0)
    flaky: int = Field(default=0, ge=0)
    missing: tuple[str, ...] = Field(default=(), description="tests that were asked for and are not green")

    @property
    def stands(self) -> int:
        """Tests whose earlier result stands."""
        return self.passed + self.flaky + self.skipped + self.xfailed + self.xpassed


class Wanted(Frozen):
    """The only tests that one framework runs, by id, and what stands of the others."""

    ids: tuple[str, ...] = Field(min_length=0)
    stands: RunAgain


class TestRequest(Frozen):
    """What one cell runs. `durations` maps a test id to its last accepted seconds, for the shards.

    `only` names, by framework, the tests to run; a framework that is not in it runs whole.
    """

    __test__: ClassVar[bool] = False

    source: SourceRef
    config: TestConfig
    cell: TestCell
    durations: dict[str, float] = Field(default_factory=dict)
    only: dict[str, Wanted] = Field(default_factory=dict)


class CoverageSummary(Frozen):
    """Coverage of one execution; per file in the `coverage.csv` artifact.

    `files` has the columns path, lines_valid, lines_covered, branches_valid, branches_covered, missing_lines,
    covered_lines.
    """

    lines_valid: int = Field(ge=0)
    lines_covered: int = Field(ge=0)
    branches_valid: int = Field(ge=0)
    branches_covered: int = Field(ge=0)
    files: ArtifactRef
    test_lines_valid: int = Field(default=0, ge=0, description="of lines_valid: in files of tests")

    @property
    def line_rate(self) -> float | None:
        """Return covered / valid lines, None when nothing was measured."""
        return self.lines_covered / self.lines_valid if self.lines_valid else None


class ChangedLines(Frozen):
    """Coverage of the lines that a change wrote, as all executions together reached them."""

    valid: int = Field(ge=0, description="written lines that coverage measures")
    covered: int = Field(ge=0)
    missing: tuple[str, ...] = Field(default=(), description="`path: 3,7-9`, lines that no test reached; at most 20")


class Attachment(Frozen):
    """A file that a report names beside a test; `file` when it is kept, else `problem` is the code of why not."""

    test: str = Field(description="test id; empty: it belongs to a suite")
    ordinal: int = Field(ge=0, description="of the case's row; 0: of a suite")
    path: str = Field(description="as the report names it")
    file: ArtifactRef | None = None
    problem: str = ""


class TestExecution(Frozen):
    """One framework's run in one cell (one row of `test_executions`).

    Counts come from the report's cases; `declared_*` are the report's own counters. `cases` is a CSV artifact with a
    header, one row a case: ordinal, suite, classname, name, file, line, status, duration_seconds, message, detail,
    occurrence (of cases that are called the same), notes (JSON: attempts, properties, attachments, tags, output).
    `status` is passed, flaky (green only on a retry), failed, error, skipped, xfailed or xpassed; an empty duration is
    one that could not be read.
    A test id is `classname::name`. `collected` is the number of tests found before they were split into shards, so
    that the totals of all shards of a cell add up to it. `running` names tests that had begun when the runner ended.
    """

    __test__: ClassVar[bool] = False

    framework: str
    framework_version: str = ""
    cell: TestCell
    command: tuple[str, ...]
    exit_code: int
    signal: int | None = None
    timed_out: bool = False
    out_of_memory: bool = False
    started_at: AwareDatetime
    ended_at: AwareDatetime
    wall_seconds: float = Field(ge=0)
    total: int = Field(ge=0)
    passed: int = Field(ge=0)
    failed: int = Field(ge=0)
    errors: int = Field(ge=0)
    skipped: int = Field(ge=0)
    xfailed: int = Field(default=0, ge=0)
    xpassed: int = Field(default=0, ge=0)
    xpassed_strict: int = Field(
        default=0, ge=0, description="expected failures that passed, which the runner's own rule makes red"
    )
    flaky: int = Field(default=0, ge=0, description="green only on a retry; not among `passed`")
    collected: int | None = None
    collection: ArtifactRef | None = Field(default=None, description="of a shard: ids that it found and ran, as JSON")
    lost_ids: tuple[str, ...] | None = Field(
        default=None, description="of a shard: ids that it found and no shard reports, at most 20; None: not known"
    )
    declared_total: int | None = None
    declared_failed: int | None = None
    declared_errors: int | None = None
    declared_skipped: int | None = None
    duplicate_ids: tuple[str, ...] = ()
    passed_on_retry: tuple[str, ...] = Field(default=(), description="ids that were run again, at most 50")
    running: tuple[str, ...] = Field(default=(), description="tests that had begun and not ended, at most 20")
    invalid_durations: int = 0
    repaired: int = Field(default=0, ge=0, description="characters of the report that `test.repair` replaced")
    case_seconds: float = Field(default=0.0, ge=0)
    report: ArtifactRef | None = None
    report_problem: Problem | None = None
    report_written_at: AwareDatetime | None = None
    report_timestamp: AwareDatetime | None = Field(default=None, description="the report's own earliest time stamp")
    cases: ArtifactRef | None = None
    coverage: CoverageSummary | None = None
    coverage_problem: Problem | None = None
    log: ArtifactRef | None = None
    peak_memory_bytes: int = Field(default=0, ge=0)
    cpu_seconds: float = Field(default=0.0, ge=0)
    environment: dict[str, str] = Field(default_factory=dict, description="python, platform, lock digest …")
    properties: dict[str, str] = Field(default_factory=dict, description="properties of the report's suites")
    suite_output: ArtifactRef | None = Field(
        default=None, description="what suites printed beside their cases: JSON, a line a stream"
    )
    attachments: tuple[Attachment, ...] = ()
    again: RunAgain | None = Field(default=None, description="only tests that were red before ran; the others stand")

    @property
    def series(self) -> str:
        """What this execution is comparable with in other runs: framework, Python, platform, axes; not the shard."""
        python = ".".join(self.environment.get("python", "").split(".")[:2])
        axes = [f"{name}={value}" for name, value in sorted(self.cell.env.items())]
        return "/".join(filter(None, [self.framework, python, self.environment.get("platform", ""), *axes]))

    @property
    def red(self) -> int:
        """Number of cases that failed or errored."""
        return self.failed + self.errors


class FailedTest(Frozen):
    """A red test as a person wants to see it first."""

    id: str
    status: str
    message: str
    detail: str = ""
    cell: str = ""


class TestRecord(StageRecord):
    """All executions of the test stage, cells merged."""

    __test__: ClassVar[bool] = False

    STAGE: ClassVar[StageName] = StageName.TEST

    commit: str
    executions: tuple[TestExecution, ...]
    failures: tuple[FailedTest, ...] = Field(default=(), description="at most 50, for reports")
    standing: int = Field(default=0, ge=0, description="executions, the first ones, of the run that was resumed")

    @property
    def total(self) -> int:
        """Cases in all executions, with those whose earlier result stands."""
        return sum(each.total + (each.again.stands if each.again else 0) for each in self.executions)

    @property
    def in_part(self) -> bool:
        """Tell whether something of it stands from the run that was resumed."""
        return self.standing > 0 or any(each.again for each in self.executions)

    @property
    def red(self) -> int:
        """Failed and errored cases in all executions."""
        return sum(execution.red for execution in self.executions)

    def headline(self) -> str:
        """Return counts and coverage."""
        if self.skipped:
            return self.reason
        again = [e.again for e in self.executions if e.again]
        passed = sum(e.passed + e.xfailed for e in self.executions) + sum(e.passed + e.xfailed for e in again)
        skipped = sum(e.skipped for e in self.executions) + sum(e.skipped for e in again)
        parts = [f"{passed} passed"]
        parts += [f"{self.red} failed"] if self.red else []
        parts += [f"{skipped} skipped"] if skipped else []
        parts += [f"{sum(e.asked for e in again)} ran again after run {again[0].run_id[:8]}"] if again else []
        rates = [e.coverage.line_rate for e in self.executions if e.coverage and e.coverage.line_rate is not None]
        flaky = sum(e.flaky for e in self.executions) + sum(e.flaky for e in again)
        parts += [f"{flaky} flaky: only passed on a retry"] if flaky else []
        parts += [f"coverage {min(rates):.0%}"] if rates else []
        parts += [f"{len(self.executions)} executions"] if len(self.executions) > 1 else []
        return " · ".join(parts)

"""What a stage leaves in the Prefect UI: one artifact a stage, worth reading, and a summary of the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import singledispatch

from sluice.records.build import BuildRecord
from sluice.records.checkout import CheckoutRecord
from sluice.records.checks import BoundaryReport
from sluice.records.common import StageRecord
from sluice.records.deploy import CanaryStep, DeployRecord, RollbackRecord
from sluice.records.scan import ScanRecord
from sluice.records.smoke import SmokeCheck, SmokeRecord
from sluice.records.testing import TestRecord
from sluice.states import CheckStatus

SHOWN_ROWS = 50


def cell(value: object) -> str:
    """Return text that cannot leave its Markdown table cell or become HTML."""
    text = "" if value is None else str(value)
    for old, new in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("`", "'")):
        text = text.replace(old, new)
    return " ".join(text.split())[:300]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table of at most 50 rows, saying how many more there were."""
    all_rows = list(rows)
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in all_rows[:SHOWN_ROWS]]
    if len(all_rows) > SHOWN_ROWS:
        lines.append(f"\n… and {len(all_rows) - SHOWN_ROWS} more.")
    return "\n".join(lines)


def canary(record: DeployRecord, steps: Sequence[CanaryStep]) -> str:
    """Return the Markdown of a canary: how the new release did beside the old one."""
    rows = (
        (
            f"{step.weight} %",
            step.verdict,
            f"{step.new_requests} / {step.old_requests}",
            f"{step.new_errors} / {step.old_errors}",
            f"{_seconds(step.new_p95)} / {_seconds(step.old_p95)}",
            f"{step.error_p:.2g} / {step.slow_p:.2g}",
            step.reason,
        )
        for step in steps
    )
    head = ("share", "verdict", "requests new / old", "failed", "p95", "chance failed / late", "why")
    return f"# {cell(record.environment)}: `{record.release.digest[:19]}` beside the old release\n\n" + table(
        head, rows
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3g} s"


@singledispatch
def describe(record: StageRecord) -> str:
    """Return the Markdown body of a stage's artifact."""
    return cell(record.headline())


@describe.register
def _(record: CheckoutRecord) -> str:
    rows = ((f.change, f.path, f.additions, f.deletions) for f in record.changed_files)
    who = f"{cell(record.author_name)} · {record.authored_at:%Y-%m-%d %H:%M %Z}"
    return f"**{cell(record.subject)}**  \n{who}\n\n" + table(("", "file", "+", "-"), rows)


@describe.register
def _(record: TestRecord) -> str:
    executions = (
        (
            e.framework,
            e.cell.label,
            e.total,
            e.passed,
            e.flaky,
            e.red,
            e.skipped,
            f"{e.wall_seconds:.2f} s",
            _coverage(e.coverage),
        )
        for e in record.executions
    )
    head = ("framework", "cell", "total", "passed", "flaky", "red", "skipped", "wall", "coverage")
    text = table(head, executions)
    if record.failures:
        failed = ((f.cell, f.id, f.status, f.message) for f in record.failures)
        text = "### Failed\n" + table(("cell", "test", "status", "why"), failed) + "\n\n### Executions\n" + text
    return text


def _coverage(summary: object) -> str:
    rate = getattr(summary, "line_rate", None)
    return "" if rate is None else f"{rate:.1%}"


@describe.register
def _(record: BuildRecord) -> str:
    release = record.release
    facts = (
        ("release", release.digest),
        ("version", release.version),
        ("commit", release.commit),
        ("size", f"{record.size} bytes, {record.file_count} files"),
        ("contents", ", ".join(record.contents)),
        ("created", record.created_at.isoformat()),
    )
    return table(("", ""), facts)


@describe.register
def _(record: ScanRecord) -> str:
    scanners = ((s.name, s.version, s.status, s.items_scanned, s.findings, s.reason) for s in record.scanners)
    findings = (
        (f.severity, f.kind, f.rule, f.title, f.path or f.package, "stops" if f.fingerprint in record.blocking else "")
        for f in record.findings
    )
    text = table(("severity", "kind", "rule", "what", "where", ""), findings) if record.findings else "No findings."
    vulnerabilities = (
        ""
        if record.vulnerabilities_scanned
        else f"\n\n**Not scanned for vulnerabilities**: {cell(record.not_scanned_reason)}"
    )
    return (
        text
        + vulnerabilities
        + "\n\n### Scanners\n"
        + table(("scanner", "version", "status", "items", "findings", ""), scanners)
    )


@describe.register
def _(record: DeployRecord) -> str:
    replicas = (
        (r.name, r.address, r.pid, "healthy" if r.healthy else "not healthy", r.restarts) for r in record.replicas
    )
    steps = (
        (s.ordinal, s.name, s.status, f"{(s.ended_at - s.started_at).total_seconds():.2f} s", s.detail)
        for s in record.steps
    )
    head = f"**{cell(record.environment)}** serves `{record.release.digest}` at <{record.address}>\n\n"
    return head + table(("replica", "address", "pid", "health", "restarts"), replicas) + "\n\n" + table(STEP, steps)


STEP = ("", "step", "status", "took", "detail")


@describe.register
def _(record: SmokeRecord) -> str:
    text = _checks(record.checks)
    if record.load:
        load = record.load
        text += f"\n\n{load.requests} requests, {load.failed} failed, {load.rate:.0f}/s\n\n"
        rows = (
            (t.metric, t.expression, t.observed, t.samples, "ok" if t.passed else "crossed") for t in load.thresholds
        )
        text += table(("metric", "threshold", "observed", "samples", ""), rows)
    return text + (f"\n\nLoad: {cell(record.load_skipped)}" if record.load_skipped else "")


def _checks(checks: Iterable[SmokeCheck]) -> str:
    rows = (
        ("ok" if c.passed else "FAILED", c.name, c.expected, c.observed, f"{c.seconds * 1000:.0f} ms") for c in checks
    )
    return table(("", "check", "expected", "observed", "took"), rows)


@describe.register
def _(record: RollbackRecord) -> str:
    steps = (
        (s.ordinal, s.name, s.status, f"{(s.ended_at - s.started_at).total_seconds():.2f} s", s.detail)
        for s in record.steps
    )
    where = record.release.digest if record.release else "nothing to go back to"
    head = (
        f"**{cell(record.environment)}** → `{where}` in {record.seconds_to_restore:.2f} s\n\n{cell(record.reason)}\n\n"
    )
    return head + table(STEP, steps) + "\n\n" + _checks(record.validation)


def describe_checks(report: BoundaryReport) -> str:
    """Return the Markdown table of a boundary's checks, the failed ones first."""
    order = {CheckStatus.FAILED: 0, CheckStatus.COULD_NOT_RUN: 0}
    results = sorted(report.results, key=lambda result: order.get(result.status, 1))
    rows = ((r.code, r.name, r.status, r.expected, r.observed, r.next_step if r.stops else "") for r in results)
    shown = table(("code", "check", "status", "expected", "observed", "do"), rows)
    met = ((r.code, r.waiver.effect, r.waiver.expires, r.waiver.owner, r.waiver.reason) for r in results if r.waiver)
    waivers = table(("code", "waiver", "until", "owner", "reason"), met)
    return f"{shown}\n\n{waivers}" if any(r.waiver for r in results) else shown

"""One named check, and how its result is judged from what Great Expectations said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic

from data_checks.engine import Verdict
from data_checks.facts import BoundaryFacts, CheckWaiver
from data_checks.frames import Expect, R, Row, Rows
from data_checks.lie import Lie
from data_checks.registry import BY_CODE
from sluice.records.checks import AppliedWaiver, CheckResult
from sluice.records.common import StageRecord
from sluice.records.history import ENOUGH
from sluice.states import CheckStatus, Severity, WaiverEffect

SHOWN = 3  # culprits that a message names
ERROR_LIMIT = 300  # characters of an error that are shown
BROKEN_STEP = (
    "The boundary is at fault, not your code: run `sluice doctor`, then run again. A check that cannot run is no pass."
)


def _nothing(_record: StageRecord, _facts: BoundaryFacts) -> str:
    return ""


def _no_metric(_record: StageRecord, _facts: BoundaryFacts) -> Sequence[str]:
    return ()


def _never(_record: StageRecord, _facts: BoundaryFacts) -> bool:
    return False


@dataclass(frozen=True)
class Check(Generic[R]):
    """One named check of a contract; its name, severity and next step are in the registry.

    Attributes:
        code: code in the registry.
        expectations: all must hold.
        expected: what should be, for the user.
        observed: what is, for the user; of the whole record.
        culprit: what is, of one row that breaks an expectation; without it, `observed` is shown.
        unless: why the check has no subject in this record; "" when it has.
        severity: instead of the registry's, where it depends on the record.
        name: instead of the registry's, where one code has close variants.
        again: whether its outcome may be another for a record that an earlier run had accepted, and that stands in this
            one: because of the time, the base or the ref. It is then judged again; the others hold of the record alone,
            or what they compare it with is part of its cache key.
        history: the metrics whose baselines it needs. With too few earlier runs of one of them it is *not enough
            history* unless it fails; with baselines that cannot be read it could not run.
    """

    code: str
    expectations: tuple[Expect, ...]
    expected: Callable[[R, BoundaryFacts], str]
    observed: Callable[[R, BoundaryFacts], str]
    culprit: Callable[[Row], str] | None = None
    unless: Callable[[R, BoundaryFacts], str] = _nothing
    severity: Callable[[R, BoundaryFacts], Severity] | None = None
    name: Callable[[R, BoundaryFacts], str] | None = None
    again: Callable[[R, BoundaryFacts], bool] = _never
    history: Callable[[R, BoundaryFacts], Sequence[str]] = _no_metric

    @property
    def lie(self) -> Lie:
        """The registry's entry."""
        return BY_CODE[self.code]

    def key(self, expect: Expect) -> str:
        """Return the name of one of its expectations within its suite."""
        return f"{self.code}/{self.expectations.index(expect)}"


@dataclass(frozen=True)
class Looked:
    """A frame and what Great Expectations said about it.

    Attributes:
        rows: the frame's rows.
        verdicts: by key of the expectation; none for an empty frame.
        gaps: columns in which a row has no value.
        empty: why it has no rows, when that is allowed.
        error: why it could not be looked at.
    """

    rows: Rows = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    gaps: Sequence[str] = ()
    empty: str = ""
    error: str = ""


def judge(check: Check[R], record: R, facts: BoundaryFacts, looked: Mapping[str, Looked]) -> CheckResult:
    """Return the check's result from what was seen of its frames (by name)."""
    seen = [(expect, looked[expect.frame]) for expect in check.expectations]
    error = next((frame.error for _, frame in seen if frame.error), "")
    if error:
        return could_not_run(check, error)
    reason = check.unless(record, facts)
    thin = "" if reason else _thin(check.history(record, facts), facts)
    reason = reason or ("" if thin else _vacuous(seen))
    if reason:
        idle = _applied(facts.waiver(check.code), WaiverEffect.IDLE)
        return _result(check, CheckStatus.NOT_APPLICABLE, message=reason, waiver=idle)
    failed: list[tuple[Expect, Sequence[Row]]] = []
    for expect, frame in seen:
        if not frame.rows:
            continue
        gaps = [column for column in expect.columns if column in frame.gaps]
        verdict = frame.verdicts[check.key(expect)]
        if gaps or verdict.error:
            return could_not_run(check, verdict.error or f"{expect.frame} has rows without {' and '.join(gaps)}")
        if not verdict.passed:
            failed.append((expect, [frame.rows[index] for index in verdict.culprits]))
    return _verdict(check, record, facts, failed, thin)


def could_not_run(check: Check[R], error: str) -> CheckResult:
    """Return the result of a check that was not evaluated: a rejection that no waiver lifts."""
    told = " ".join(error.split())[:ERROR_LIMIT]
    return _result(
        check,
        CheckStatus.COULD_NOT_RUN,
        expected="the check runs",
        observed=told,
        message=f"{check.lie.name} could not be checked: {told}.",
        next_step=BROKEN_STEP,
    )


def _vacuous(seen: Sequence[tuple[Expect, Looked]]) -> str:
    """Return why there is nothing to look at, when all frames of the check are empty; "" otherwise."""
    return "" if any(frame.rows for _, frame in seen) else seen[0][1].empty


def _thin(metrics: Sequence[str], facts: BoundaryFacts) -> str:
    """Return which baselines have too few runs behind them; "" when none."""
    thin = [metric for metric in metrics if facts.baseline(metric) is None]
    told = ", ".join(f"{facts.samples(metric)} of {metric}" for metric in thin[:SHOWN])
    return f"{ENOUGH} earlier accepted runs are needed; there are {told}" if thin else ""


def _verdict(
    check: Check[R], record: R, facts: BoundaryFacts, failed: Sequence[tuple[Expect, Sequence[Row]]], thin: str
) -> CheckResult:
    severity = check.severity(record, facts) if check.severity else check.lie.severity
    name = check.name(record, facts) if check.name else check.lie.name
    expected = check.expected(record, facts)
    if not failed:
        observed = check.observed(record, facts)
        status = CheckStatus.NOT_ENOUGH_HISTORY if thin else CheckStatus.PASSED
        idle = _applied(facts.waiver(check.code), WaiverEffect.IDLE)
        return _result(check, status, expected, observed, message=thin, severity=severity, name=name, waiver=idle)
    observed = _culprits(check, failed) or check.observed(record, facts)
    severity, note, waiver = _waived(check, severity, facts)
    return _result(
        check,
        CheckStatus.FAILED,
        expected,
        observed,
        message=f"{check.lie.says} Expected {expected}; observed {observed}.{note}",
        next_step=check.lie.next_step,
        severity=severity,
        name=name,
        expectation=failed[0][0].type,
        waiver=waiver,
    )


def _culprits(check: Check[R], failed: Sequence[tuple[Expect, Sequence[Row]]]) -> str:
    if check.culprit is None:
        return ""
    rows = {id(row): row for _, culprits in failed for row in culprits}
    shown = [check.culprit(row) for row in list(rows.values())[:SHOWN]]
    return "; ".join(shown + ([f"and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []))


def _waived(check: Check[R], severity: Severity, facts: BoundaryFacts) -> tuple[Severity, str, AppliedWaiver | None]:
    waiver = facts.waiver(check.code)
    if waiver is None or severity is Severity.WARN:
        return severity, "", _applied(waiver, WaiverEffect.IDLE)
    if waiver.expires < facts.now.date():
        note = f" Its waiver (by {waiver.owner}) expired on {waiver.expires}."
        return severity, note, _applied(waiver, WaiverEffect.EXPIRED)
    note = f" Waived until {waiver.expires} by {waiver.owner}: {waiver.reason}."
    return Severity.WARN, note, _applied(waiver, WaiverEffect.LOWERED)


def _applied(waiver: CheckWaiver | None, effect: WaiverEffect) -> AppliedWaiver | None:
    if waiver is None:
        return None
    return AppliedWaiver(reason=waiver.reason, owner=waiver.owner, expires=waiver.expires, effect=effect)


def _result(
    check: Check[R],
    status: CheckStatus,
    expected: str = "",
    observed: str = "",
    *,
    message: str = "",
    next_step: str = "",
    severity: Severity | None = None,
    name: str = "",
    expectation: str = "",
    waiver: AppliedWaiver | None = None,
) -> CheckResult:
    return CheckResult(
        code=check.code,
        name=name or check.lie.name,
        severity=severity or check.lie.severity,
        status=status,
        expectation=expectation or check.expectations[0].type,
        expected=expected,
        observed=observed,
        message=message,
        next_step=next_step,
        waiver=waiver,
    )

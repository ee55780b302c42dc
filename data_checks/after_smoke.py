"""After smoke: did this release answer, to every declared check, and does the verdict follow from the answers?"""

from __future__ import annotations

from data_checks.after_deploy import running
from data_checks.contract import BoundaryFacts, Check, Contract
from data_checks.frames import Frame, Parameter, Row, at_least, at_most, in_set
from sluice.records.history import Baseline
from sluice.records.smoke import Load, SmokeRecord
from sluice.states import Severity

GOOD, GOOD_IN_BAD, BAD = "check passed, stage passed", "check passed, stage failed", "check failed, stage failed"
LIE = "check failed, stage passed"
NOT_ASKED, NOT_REPORTED = "not asked", "nothing"
FRESH, USUAL = "fresh", "usual"
SLOWER, SLOWER_SECONDS, MORE_ERRORS = 1.0, 0.05, 0.01  # twice the usual p95, and 50 ms; one request in a hundred
CHANCE = 5.0  # spreads, and not 3: a load is measured, so of hundreds of honest ones some lie beyond 3 by chance
BUSY = 1.3  # times slower than idle: an idle machine measures 1.0 to 1.2
CROWDED = 0.1  # of the time: what happens in less is hardly felt by a p95
SAYS_DOWN = "nothing, since the smoke test failed"


def record_row(record: SmokeRecord, facts: BoundaryFacts) -> list[Row]:
    """Return the one row of facts about the smoke test."""
    return [
        {
            "answers": told(record.release.digest, running(record.upstream_digests), _seen(record)),
            "ran": record.ran,
            "left_out": record.declared - record.ran,
            "fresh": "; ".join(record.stale) or FRESH,
            "latency": latency(record, facts),
        }
    ]


def metrics(record: SmokeRecord) -> tuple[str, str]:
    """Return the names of p95 and error rate of the environment."""
    return f"smoke.{record.environment}.p95", f"smoke.{record.environment}.error_rate"


def latency(record: SmokeRecord, facts: BoundaryFacts) -> str:
    """Tell whether the load's p95 and error rate are no worse than what is usual in this environment."""
    if record.load is None:
        return USUAL
    slow, wrong = (facts.baseline(metric) for metric in metrics(record))
    return "; ".join(filter(None, (_slower(record.load, slow), _more_errors(record.load, wrong)))) or USUAL


def _slower(load: Load, usual: Baseline | None) -> str:
    if usual is None or load.p95_seconds is None:
        return ""
    high = usual.usual(relative=SLOWER, absolute=SLOWER_SECONDS, spreads=CHANCE).high
    if load.slowdown <= BUSY:
        high *= load.slowdown  # what a machine that is not called busy makes slower is not the release's
    if load.p95_seconds <= high:
        return ""
    return f"p95 {load.p95_seconds * 1000:.0f} ms, usual is up to {high * 1000:.0f} ms{_busy(load)}"


def _busy(load: Load) -> str:
    if load.slowdown <= BUSY:
        return ""
    told = f", and the machine was {load.slowdown:.1f} times slower than idle"
    if load.crowded is None:
        return f"{told} (by whom is not known)"
    return (
        f"{told}: the release kept {load.release_cores:.1f} processors busy, others {load.other_cores:.1f}, "
        f"and {load.crowded:.0%} of the time they left it none to spare"
    )


def made_slow(load: Load) -> bool:
    """Tell whether others than the release can have made it slow; where nobody knows whose the load is, they can."""
    return load.slowdown > BUSY and (load.crowded is None or load.crowded >= CROWDED)


def _more_errors(load: Load, usual: Baseline | None) -> str:
    if usual is None or not load.requests:
        return ""
    rate, high = load.failed / load.requests, usual.usual(absolute=MORE_ERRORS).high
    return f"{rate:.1%} of the requests failed, usual is up to {high:.1%}" if rate > high else ""


def latency_severity(record: SmokeRecord, facts: BoundaryFacts) -> Severity:
    """Only warn of a release that others made slow; errors stop on a busy machine too."""
    load = record.load
    if load is None or not made_slow(load) or _more_errors(load, facts.baseline(metrics(record)[1])):
        return Severity.STOP
    return Severity.WARN


def told(release: str, upstream: str, seen: str) -> str:
    """Return in words who answers."""
    return f"answers of {release} from {upstream} behind the proxy, reported as {seen}"


def _seen(record: SmokeRecord) -> str:
    if record.seen_expected is None:
        return NOT_ASKED
    if record.seen_release is None and not record.passed:
        return SAYS_DOWN  # a service that is down reports nothing, and the smoke test says so itself
    return record.seen_release or NOT_REPORTED


def _asked(record: SmokeRecord, facts: BoundaryFacts) -> str:
    digest = facts.need("release_digest")
    seen = _seen(record)
    return told(digest, digest, seen if seen in (NOT_ASKED, SAYS_DOWN) else str(record.seen_expected))


def check_rows(record: SmokeRecord, _facts: BoundaryFacts) -> list[Row]:
    """Return one row a check and threshold, with the verdict that it stands under."""
    stage = "passed" if record.passed else "failed"
    rows: list[Row] = [
        {
            "name": each.name,
            "observed": f"{each.observed} instead of {each.expected}",
            "story": f"check {'passed' if each.passed else 'failed'}, stage {stage}",
        }
        for each in record.checks
    ]
    for each in record.load.thresholds if record.load else ():
        story = f"check {'passed' if each.passed else 'failed'}, stage {stage}"
        rows.append({"name": each.metric, "observed": f"{each.observed}, threshold {each.expression}", "story": story})
    return rows


def load_rows(record: SmokeRecord, _facts: BoundaryFacts) -> list[Row]:
    """Return the requests of the load and the samples of each threshold, one row each."""
    if record.load is None:
        return []
    rows: list[Row] = [{"name": "requests", "samples": record.load.requests}]
    return rows + [{"name": each.metric, "samples": each.samples} for each in record.load.thresholds]


def _figures(record: SmokeRecord) -> str:
    if record.load is None or record.load.p95_seconds is None:
        return "no figure"
    return f"p95 {record.load.p95_seconds * 1000:.0f} ms, {record.load.failed} of {record.load.requests} failed"


def _enough_said(record: SmokeRecord, _facts: BoundaryFacts) -> str:
    """A smoke test that found a failure may stop there: it claims nothing for the checks that it left out."""
    failed = any(not check.passed for check in record.checks)
    return f"the smoke test says itself that it failed: {record.reason}" if failed and not record.passed else ""


def _no_latency(record: SmokeRecord, _facts: BoundaryFacts) -> str:
    """A load that crossed a threshold, and says so, need not be usual too: the stage itself ends the run."""
    if record.load is None:
        return f"no load ran: {record.load_skipped or 'none is declared'}"
    crossed = any(not threshold.passed for threshold in record.load.thresholds)
    return f"the smoke test says itself that it failed: {record.reason}" if crossed and not record.passed else ""


CONTRACT = Contract(
    record=SmokeRecord,
    frames=(
        Frame("record", ("answers", "ran", "left_out", "fresh", "latency"), record_row),
        Frame(
            "checks",
            ("name", "observed", "story"),
            check_rows,
            count=lambda record, _: record.ran,
            empty="no check ran (K06)",
        ),
        Frame(
            "load",
            ("name", "samples"),
            load_rows,
            count=lambda record, _: 1 + len(record.load.thresholds) if record.load else 0,
            empty="no load test ran: none is declared, or the release is not new here",
        ),
    ),
    parameters=lambda record, facts: {"answers": [_asked(record, facts)]},
    checks=(
        Check(
            "K05",
            (in_set("record", "fresh", [FRESH]),),
            expected=lambda _record, _: "answers of the release itself, none from a cache",
            observed=lambda record, _: "; ".join(record.stale) or f"{record.ran} checks, none answered by a cache",
            unless=lambda record, _: "" if record.checks else "no check ran (K06)",
        ),
        Check(
            "K01",
            (in_set("record", "answers", Parameter("answers")),),
            expected=_asked,
            observed=lambda record, _: told(record.release.digest, running(record.upstream_digests), _seen(record)),
        ),
        Check(
            "K06",
            (at_least("record", "ran", 1), at_most("record", "left_out", 0)),
            expected=lambda record, _: f"at least {max(record.declared, 1)} checks",
            observed=lambda record, _: f"{record.ran} checks that ran",
            unless=_enough_said,
        ),
        Check(
            "K03",
            (at_least("load", "samples", 1),),
            expected=lambda _record, _: "at least 1 request, and at least 1 sample for each threshold",
            observed=lambda record, _: f"{record.load.requests if record.load else 0} requests",
            culprit=lambda row: f"{row['samples']} samples of {row['name']}",
        ),
        Check(
            "K02",
            (in_set("checks", "story", [GOOD, GOOD_IN_BAD, BAD]),),
            expected=lambda _record, _: "every check passed, where the smoke test is called passed",
            observed=lambda record, _: (
                f"{sum(each.passed for each in record.checks)}/{len(record.checks)} checks passed"
            ),
            culprit=lambda row: f"{row['name']}: {row['observed']}",
        ),
        Check(
            "K04",
            (in_set("record", "latency", [USUAL]),),
            expected=lambda record, _: f"p95 and error rate as they usually are in {record.environment}",
            observed=lambda record, facts: (
                latency(record, facts) if latency(record, facts) != USUAL else _figures(record)
            ),
            unless=_no_latency,
            severity=latency_severity,
            history=lambda record, _: metrics(record),
        ),
    ),
)

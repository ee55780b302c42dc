"""From records as they were stored to what a report shows; an older record may lack what a newer one has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sluice.report.document import (
    AnswerFacts,
    AttachmentFacts,
    CanaryFacts,
    Execution,
    MoveFacts,
    ReleaseFacts,
    ReplicaFacts,
    StepFacts,
    Waiver,
)

Record = Mapping[str, Any]


def executions(record: Record) -> tuple[Execution, ...]:
    """Return the executions of a test record."""
    return tuple(_execution(each) for each in record.get("executions", ()))


def _execution(told: Record) -> Execution:
    coverage = told.get("coverage") or {}
    valid = coverage.get("lines_valid") or 0
    return Execution(
        framework=told["framework"],
        cell=told["cell"]["label"],
        total=told["total"],
        passed=told["passed"] + told.get("xfailed", 0),
        failed=told["failed"] + told["errors"],
        skipped=told["skipped"],
        seconds=told["wall_seconds"],
        line_rate=coverage["lines_covered"] / valid if valid else None,
        flaky=told.get("flaky", 0),
    )


def attachments(record: Record) -> Iterator[AttachmentFacts]:
    """Yield the files that the reports of a test record name."""
    for execution in record.get("executions", ()):
        for each in execution.get("attachments", ()):
            file = each.get("file") or {}
            about = (file.get("media_type"), file.get("size"), file.get("sha256"))
            yield AttachmentFacts(each["test"], execution["cell"]["label"], each["path"], *about, each["problem"])


def release(record: Record) -> ReleaseFacts:
    """Return the release of a build record."""
    made = record["release"]
    return ReleaseFacts(
        digest=made["digest"],
        kind=made["kind"],
        version=made["version"],
        commit=made["commit"],
        size=record.get("size"),
        contents=tuple(record.get("contents", ())),
    )


def deployment(record: Record, canary: Iterable[Record] = ()) -> MoveFacts:
    """Return what a deploy record says, and the rows of its canary."""
    previous = record.get("previous") or {}
    steps = tuple(CanaryFacts(**step) for step in canary)
    return replace(_move(record, previous.get("digest")), canary=steps)


def rollback(record: Record) -> MoveFacts:
    """Return what a rollback record says."""
    return _move(record, record.get("from_digest"), record.get("seconds_to_restore"))


def _move(record: Record, from_digest: str | None, restored: float | None = None) -> MoveFacts:
    return MoveFacts(
        environment=record["environment"],
        target=record["target"],
        from_digest=from_digest,
        to_digest=(record.get("release") or {}).get("digest"),
        address=record.get("address") or "",
        replicas_declared=record.get("replicas_declared", 0),
        replicas=tuple(
            ReplicaFacts(each["name"], each["address"], each["healthy"], each["restarts"])
            for each in record.get("replicas", ())
        ),
        steps=tuple(_step(each) for each in record.get("steps", ())),
        seconds_to_restore=restored,
    )


def _step(told: Record) -> StepFacts:
    began, ended = (datetime.fromisoformat(told[name]) for name in ("started_at", "ended_at"))
    return StepFacts(told["name"], told["status"], told.get("detail", ""), (ended - began).total_seconds())


def answers(record: Record) -> tuple[AnswerFacts, ...]:
    """Return the checks of a smoke test, and the thresholds of its load; the failed ones first."""
    found = [*_checks(record.get("checks", ())), *_thresholds(record.get("load") or {})]
    return tuple(sorted(found, key=lambda answer: answer.passed))


def _checks(checks: Iterable[Record]) -> Iterator[AnswerFacts]:
    for each in checks:
        yield AnswerFacts(each["name"], each["passed"], each["expected"], each["observed"], each["seconds"])


def _thresholds(load: Record) -> Iterator[AnswerFacts]:
    for each in load.get("thresholds", ()):
        observed = "nothing" if each["observed"] is None else f"{each['observed']:g}"
        words = f"{observed} over {each['samples']} samples"
        yield AnswerFacts(f"load: {each['metric']}", each["passed"], each["expression"], words, None)


def waivers(config: Record | None, today: date) -> tuple[Waiver, ...]:
    """Return everything that `sluice.yaml` accepts for a time: checks and findings; expired ones first."""
    known = config or {}
    found = [_waiver("check", each.get("code", ""), each, today) for each in known.get("waivers") or ()]
    scan = known.get("scan") or {}
    found += [_waiver("finding", each.get("fingerprint", ""), each, today) for each in scan.get("waivers") or ()]
    return tuple(sorted(found, key=lambda waiver: (not waiver.expired, waiver.expires or date.max)))


def _waiver(kind: str, subject: str, told: Record, today: date) -> Waiver:
    expires = date.fromisoformat(str(told["expires"])) if told.get("expires") else None
    expired = expires is not None and expires < today
    return Waiver(kind, subject, str(told.get("reason", "")), str(told.get("owner", "")), expires, expired)

"""The smoke stage: does this release answer, and well? Never cached, never retried."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sluice.busy import Contest, Shares, slowdown
from sluice.config.smoke import LoadConfig, SmokeConfig
from sluice.errors import CommandError, ToolMissingError
from sluice.findings.report import ScannerReportError
from sluice.records.build import Release
from sluice.records.common import ToolUse
from sluice.records.smoke import Load, SmokeCheck, SmokeRecord, SmokeRequest, Threshold
from sluice.stages.smoke_checks import Clock, Session, fresh_check, http_check, version_check
from sluice.stages.workplace import Workplace, now
from sluice.targets.processor import spent
from sluice.tools import k6, programs

REPLICAS = 6  # assumed where nobody says how many there are
ROUNDS_A_REPLICA = 2  # the proxy takes turns, other requests come between


def smoke(request: SmokeRequest, place: Workplace) -> SmokeRecord:
    """Ask the release everything that was declared, then put a short load on it.

    What does not answer is a failed check; the stage itself raises nothing for it.
    """
    started = now()
    checks, seen, expected, stale = _ask(request.address, request.release, request.config, request.replicas)
    for check in checks:
        place.log(f"{'ok  ' if check.passed else 'FAIL'} {check.name}: {check.observed} (expected {check.expected})")
    failed = [check for check in checks if not check.passed]
    skipped = _why_no_load(request, failed)
    wanted = None if skipped else request.config.load
    load, uses, broken = _load(request, wanted, place) if wanted else (None, (), None)
    checks += (broken,) if broken else ()
    reason = _reason(checks, load)
    return SmokeRecord(
        run_id=place.context.run_id,
        started_at=started,
        ended_at=now(),
        passed=not reason,
        reason=reason,
        tools=uses,
        environment=request.environment,
        address=request.address,
        release=request.release,
        declared=_declared(request),
        checks=checks,
        seen_release=seen,
        seen_expected=expected,
        upstream_digests=request.upstream_digests,
        load=load,
        load_skipped=skipped,
        stale=stale,
    )


def validate(
    address: str, release: Release, config: SmokeConfig, *, replicas: int = REPLICAS
) -> tuple[SmokeCheck, ...]:
    """Return the result of every declared check of a release at an address, without a load.

    Args:
        address: URL of the environment, or of one replica.
        release: what should answer.
        config: what was declared; the service's health path as a check where nothing was.
        replicas: how many are behind the address.
    """
    return _ask(address, release, config, replicas)[0]


def _ask(
    address: str, release: Release, config: SmokeConfig, replicas: int
) -> tuple[tuple[SmokeCheck, ...], str | None, str | None, tuple[str, ...]]:
    """Return the checks, the release that the answers report, the one that they should, and answers out of a cache."""
    session = Session(address, Clock(config.timeout))
    results: list[SmokeCheck] = []
    seen, expected = None, None
    if config.version is not None:  # first: what another release answers proves nothing about this one
        result, seen, expected = version_check(config.version, release, session, ROUNDS_A_REPLICA * replicas)
        results.append(result)
    results += [http_check(check, session) for check in config.checks]
    return (*results, *([fresh_check(session)] if results else [])), seen, expected, tuple(session.stale)


def _why_no_load(request: SmokeRequest, failed: Sequence[SmokeCheck]) -> str:
    if request.config.load is None:
        return "no load is declared"
    if request.config.load.when == "new_release" and not request.new_release:
        return "this release has served and passed here before"
    return f"check failed before it: {failed[0].name}" if failed else ""


def _declared(request: SmokeRequest) -> int:
    """Count what had to run: checks, the freshness of their answers, and the load's thresholds."""
    config = request.config
    checks = len(config.checks) + (config.version is not None)
    has_load = config.load is not None and (request.new_release or config.load.when == "always")
    return checks + (1 if checks else 0) + (k6.THRESHOLDS if has_load else 0)


def _load(
    request: SmokeRequest, config: LoadConfig, place: Workplace
) -> tuple[Load | None, tuple[ToolUse, ...], SmokeCheck | None]:
    """Return the load's figures, the run of k6, and a failed check in their place when k6 gave none."""
    started = now()
    try:
        program = programs.find(k6.NAME)
        version = programs.version(program, k6.VERSION, place.home.cache)
        before, contest = slowdown(), Contest(lambda: spent(request.copies))
        contest.start()
        try:
            load, use = k6.run_load(program, version, request.address, config, place.workspace / "load", place.log)
        finally:
            shares = contest.shares()
        measured = _measured(load, max(before, slowdown()), shares)
    except (CommandError, ScannerReportError, ToolMissingError) as error:
        problem = f"{error.message}{f': {error.found}' if error.found else ''}"
        return None, (), _no_figures(config, problem, started)
    return measured, (use,), None


def _measured(load: Load, busy: float, shares: Shares | None) -> Load:
    """Return the figures with how busy the machine was, and by whom."""
    known = {} if shares is None else {"release_cores": shares.theirs, "other_cores": shares.others}
    known |= {} if shares is None else {"crowded": min(1.0, shares.crowded)}
    return load.model_copy(update={"slowdown": busy, **known})


def _no_figures(config: LoadConfig, problem: str, started: datetime) -> SmokeCheck:
    return SmokeCheck(
        name=f"load on {config.path}",
        passed=False,
        expected=f"figures of {config.users} users for {config.duration:g} s",
        observed=problem,
        seconds=(now() - started).total_seconds(),
    )


def _reason(checks: Sequence[SmokeCheck], load: Load | None) -> str:
    """Name the first failure with what was expected and observed; empty when there is none."""
    if not checks:
        return "no check is declared, so nothing is known about this release"
    for check in checks:
        if not check.passed:
            return f"{check.name}: expected {check.expected}, observed {check.observed}"
    for threshold in load.thresholds if load else ():
        if not threshold.passed:
            return _crossed(threshold)
    return ""


def _crossed(threshold: Threshold) -> str:
    if threshold.samples == 0 or threshold.observed is None:
        return f"load: expected {threshold.metric} {threshold.expression}, observed no sample"
    return (
        f"load: expected {threshold.metric} {threshold.expression}, observed {threshold.observed:.4g} "
        f"in {threshold.samples} samples"
    )

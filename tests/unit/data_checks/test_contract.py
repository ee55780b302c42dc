"""What holds for every contract: nothing that was not looked at is a pass."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from data_checks import after_build, contracts, preload
from data_checks.after_build import CONTRACT
from data_checks.contract import BoundaryFacts, Check, CheckWaiver, Contract, ContractBrokenError
from data_checks.engine import EmptySuiteError, Suite, Verdict, engine
from data_checks.frames import Expect, Frame, Parameter, at_most, equal, in_set
from sluice.records.build import BuildRecord
from sluice.records.checks import BoundaryReport
from sluice.records.history import History
from sluice.states import CheckStatus, Severity, StageName, WaiverEffect
from tests import factories
from tests.boundaries import check, result
from tests.factories import OTHER_DIGEST, build, facts

LIE = build(read_back_digest=OTHER_DIGEST)


def contract(**changes: Any) -> Contract[BuildRecord]:
    """A contract of one check (B01) over one frame, under names that no other test uses."""
    frame = Frame[BuildRecord](
        f"record-{len(engine()._suites)}",
        ("built", "read"),
        lambda record, _: [{"built": record.release.digest, "read": record.read_back_digest}],
    )
    frame = replace(frame, **{key: changes.pop(key) for key in ("rows", "count", "empty") if key in changes})
    told: Callable[[BuildRecord, BoundaryFacts], str] = lambda record, _: record.read_back_digest  # noqa: E731
    one = Check[BuildRecord]("B01", (equal(frame.name, "built", "read"),), expected=told, observed=told)
    one = replace(one, **{key: changes.pop(key) for key in ("expectations", "observed", "unless") if key in changes})
    return Contract(BuildRecord, (frame,), (one,), changes.pop("parameters", lambda _record, _facts: {}))


def only(report: BoundaryReport) -> tuple[CheckStatus, str]:
    """Return status and observed value of the only result."""
    (found,) = report.results
    return found.status, found.observed


def explode(*_: Any) -> Any:
    raise KeyError("digest")


def test_the_seven_boundaries_are_in_the_order_of_a_run() -> None:
    assert list(contracts()) == list(StageName)


def test_the_small_contract_tells_truth_from_lie() -> None:
    assert contract().check(build(), facts()).accepted
    assert not contract().check(LIE, facts()).accepted


# --- refused when it is written -------------------------------------------------------------------------------------


def test_a_contract_without_a_check_is_refused() -> None:
    with pytest.raises(EmptySuiteError, match="the contract after build has no check"):
        replace(CONTRACT, checks=())


def test_a_check_without_an_expectation_is_refused() -> None:
    with pytest.raises(EmptySuiteError, match="check B01 has no expectation"):
        contract(expectations=())


def test_a_frame_that_nothing_looks_at_is_refused() -> None:
    idle = Frame[BuildRecord]("idle", ("digest",), lambda record, _: [{"digest": record.release.digest}])
    with pytest.raises(EmptySuiteError, match=r"suite build\.idle has no expectation"):
        replace(CONTRACT, frames=(*CONTRACT.frames, idle))


def test_an_empty_suite_is_refused_by_the_engine_too() -> None:
    with pytest.raises(EmptySuiteError, match="suite nothing has no expectation"):
        engine().suite("nothing", {})


@pytest.mark.parametrize(
    "wrong",
    [
        replace(CONTRACT.checks[0], code="Z99"),
        replace(CONTRACT.checks[0], code="T01"),
        replace(CONTRACT.checks[0], expectations=(equal("record", "digest", "typo"),)),
        replace(CONTRACT.checks[0], expectations=(equal("typo", "digest", "digest"),)),
    ],
    ids=["unknown-code", "code-of-another-boundary", "unknown-column", "unknown-frame"],
)
def test_a_contract_that_is_written_wrongly_is_refused(wrong: Check[BuildRecord]) -> None:
    with pytest.raises(ContractBrokenError):
        replace(CONTRACT, checks=(wrong,))


# --- could not run --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        {"rows": explode},
        {"count": explode},
        {"parameters": explode},
        {"observed": explode},
        {"unless": explode},
    ],
    ids=["rows", "count", "parameters", "observed", "unless"],
)
def test_an_exception_inside_a_check_is_a_rejection(broken: dict[str, Any]) -> None:
    report = contract(**broken).check(build(), facts())
    assert only(report) == (CheckStatus.COULD_NOT_RUN, "KeyError: 'digest'")
    assert not report.accepted
    assert "A check that cannot run is no pass" in report.stops[0].next_step


def test_an_exception_inside_great_expectations_is_a_rejection() -> None:
    mixed = contract(rows=lambda *_: [{"built": "text", "read": 3}])
    between = Expect("expect_column_values_to_be_between", mixed.frames[0].name, {"column": "built", "min_value": 0})
    broken = replace(mixed, checks=(replace(mixed.checks[0], expectations=(between,)),))
    status, observed = only(broken.check(build(), facts()))
    assert status is CheckStatus.COULD_NOT_RUN
    assert "must either be None or of the same type" in observed


def test_of_a_long_error_only_the_beginning_is_shown() -> None:
    def long(*_: Any) -> Any:
        raise KeyError("x" * 400)

    assert only(contract(rows=long).check(build(), facts()))[1] == f"KeyError: '{'x' * 289}"


def test_a_suite_parameter_that_nobody_gives_is_a_rejection() -> None:
    asks = contract()
    needs = in_set(asks.frames[0].name, "built", Parameter("digest"))
    broken = replace(asks, checks=(replace(asks.checks[0], expectations=(needs,)),))
    assert only(broken.check(build(), facts()))[0] is CheckStatus.COULD_NOT_RUN


def test_an_expectation_without_a_result_is_a_rejection(monkeypatch: pytest.MonkeyPatch) -> None:
    small = contract()
    assert small.check(build(), facts()).accepted
    suite = engine()._suites[f"build.{small.frames[0].name}"]

    class Silent:
        results: tuple[Any, ...] = ()

        def validate(self, *_: Any, **__: Any) -> Silent:
            return self

    monkeypatch.setattr(suite, "_batches", type("Batches", (), {"get_batch": lambda *_, **__: Silent()})())
    status, observed = only(small.check(build(), facts()))
    assert (status, observed) == (CheckStatus.COULD_NOT_RUN, "Great Expectations gave no result for it")


def test_an_empty_frame_is_a_rejection_though_great_expectations_would_pass_it() -> None:
    assert only(contract(rows=lambda *_: []).check(build(), facts()))[0] is CheckStatus.COULD_NOT_RUN


def test_a_frame_that_may_be_empty_and_should_not_be_is_a_rejection() -> None:
    lost = contract(rows=lambda *_: [], count=lambda *_: 3, empty="nothing there")
    assert only(lost.check(build(), facts())) == (
        CheckStatus.COULD_NOT_RUN,
        f"{lost.frames[0].name} has no rows, 3 expected",
    )


@pytest.mark.parametrize("count", [0, 2])
def test_every_suite_counts_its_rows(count: int) -> None:
    status, observed = only(contract(count=lambda *_: count).check(build(), facts()))
    assert status is CheckStatus.COULD_NOT_RUN
    assert observed.endswith(f"has 1 rows, {count} expected")


def test_every_suite_has_a_row_count_expectation() -> None:
    preload()
    suites = {name: suite for name, suite in engine()._suites.items() if "record-" not in name}
    assert len(suites) == sum(len(each.frames) for each in contracts().values())
    for suite in suites.values():
        assert isinstance(suite, Suite)
        types = [each.type for each in suite._expectations.values()]
        assert types[0] == "expect_table_row_count_to_equal"
        assert len(types) > 1


@pytest.mark.parametrize("value", [None, float("nan"), date(2026, 11, 23), b"bytes", ["list"]])
def test_a_value_that_great_expectations_would_skip_is_a_rejection(value: object) -> None:
    null = contract(rows=lambda *_: [{"built": value, "read": value}])
    status, observed = only(null.check(build(), facts()))
    assert status is CheckStatus.COULD_NOT_RUN
    assert "has rows without built and read" in observed


def test_a_missing_column_is_a_rejection() -> None:
    assert only(contract(rows=lambda *_: [{"built": "x"}]).check(build(), facts()))[0] is CheckStatus.COULD_NOT_RUN


def test_a_null_beside_honest_rows_is_a_rejection() -> None:
    rows = [{"built": "x", "read": "x"}, {"built": "x", "read": None}]
    mixed = contract(rows=lambda *_: rows, count=lambda *_: 2)
    assert only(mixed.check(build(), facts()))[0] is CheckStatus.COULD_NOT_RUN


def test_a_record_of_another_stage_is_a_rejection() -> None:
    wrong: Any = factories.deploy()
    report = after_build.CONTRACT.check(wrong, facts())
    assert not report.accepted
    assert {each.status for each in report.results} == {CheckStatus.COULD_NOT_RUN}
    assert "the boundary after build got a DeployRecord" in report.stops[0].message


# --- reports --------------------------------------------------------------------------------------------------------


def test_a_report_without_results_is_not_accepted() -> None:
    assert not BoundaryReport(boundary=StageName.BUILD, results=(), seconds=0).accepted


def test_a_report_in_which_nothing_was_evaluated_is_not_accepted() -> None:
    report = contract(unless=lambda *_: "there is nothing to see").check(build(), facts())
    assert only(report)[0] is CheckStatus.NOT_APPLICABLE
    assert not report.stops
    assert not report.accepted


def test_a_result_is_not_carried_over_to_the_next_record() -> None:
    assert [check(each).accepted for each in (build(), LIE, build(), LIE)] == [True, False, True, False]


@pytest.mark.parametrize(
    "record",
    [
        factories.checkout(),
        factories.run_of(),
        build(),
        factories.scan(),
        factories.deploy(),
        factories.smoke(),
        factories.rollback(),
    ],
    ids=list(StageName),
)
def test_records_and_reports_are_picklable_frozen_and_said_in_one_line(record: Any) -> None:
    report = check(record)
    assert report.accepted
    assert (report.boundary, report.warnings) == (record.STAGE, ())
    assert pickle.loads(pickle.dumps((record, report))) == (record, report)
    assert type(report).model_validate_json(report.model_dump_json()) == report
    for each in report.results:
        assert "\n" not in f"{each.expected}{each.observed}{each.message}"
        assert (each.status is CheckStatus.NOT_APPLICABLE) == (not each.expected)


# --- waivers --------------------------------------------------------------------------------------------------------


def waiver(**fields: Any) -> CheckWaiver:
    known: dict[str, Any] = {"code": "B01", "reason": "store is being moved", "owner": "ada"}
    return CheckWaiver(**known | {"expires": date(2026, 11, 23)} | fields)


def test_a_waiver_lowers_a_stop_to_a_warning_that_is_shown() -> None:
    report = check(LIE, waivers=(waiver(),))
    assert applied(report) == (WaiverEffect.LOWERED, "ada")
    assert report.accepted
    (shown,) = report.warnings
    assert (shown.code, shown.severity, shown.status) == ("B01", Severity.WARN, CheckStatus.FAILED)
    assert shown.message.endswith("Waived until 2026-11-23 by ada: store is being moved.")


def test_a_waiver_that_has_expired_stops_and_says_so() -> None:
    report = check(LIE, waivers=(waiver(expires=date(2026, 11, 22)),))
    assert applied(report) == (WaiverEffect.EXPIRED, "ada")
    first = report.stops[0]
    assert (first.code, first.severity) == ("B01", Severity.STOP)
    assert first.message.endswith("Its waiver (by ada) expired on 2026-11-22.")


def test_a_waiver_of_one_code_leaves_the_others() -> None:
    assert not check(LIE, waivers=(waiver(code="B04"),)).accepted


def test_no_waiver_lifts_a_check_that_could_not_run() -> None:
    codes = ("B01", "B04", "B06", "B09")
    assert not check(build(), commit=None, waivers=tuple(waiver(code=code) for code in codes)).accepted


def test_a_waiver_of_an_honest_check_changes_nothing() -> None:
    report = check(build(), waivers=(waiver(),))
    assert applied(report) == (WaiverEffect.IDLE, "ada")
    assert result(report, "B01").model_copy(update={"waiver": None}) == result(check(build()), "B01")


def applied(report: BoundaryReport) -> tuple[WaiverEffect, str]:
    """Return what the waiver of B01 did, and whose it is; no other check has one."""
    assert [each.code for each in report.results if each.waiver] == ["B01"]
    found = result(report, "B01").waiver
    assert found is not None
    return found.effect, found.owner


# --- the engine -----------------------------------------------------------------------------------------------------


def test_suites_are_built_once_and_no_thread_is_started() -> None:
    preload()
    suites, threads = dict(engine()._suites), threading.active_count()
    preload()
    check(build())
    assert dict(engine()._suites) == suites
    assert threading.active_count() == threads
    assert all(type(thread).__name__ != "TMonitor" for thread in threading.enumerate())


def test_boundaries_may_be_checked_from_several_threads() -> None:
    found: list[tuple[bool, bool]] = []
    work = [
        threading.Thread(target=lambda: found.append((check(build()).accepted, check(LIE).accepted))) for _ in range(4)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert found == [(True, False)] * 4


def test_a_verdict_is_no_pass_unless_it_says_so() -> None:
    assert not Verdict(passed=False).passed


# --- history --------------------------------------------------------------------------------------------------------


def with_history(**changes: Any) -> Contract[BuildRecord]:
    """A contract of one check that needs the history of `build.size`: rows only where there is one."""

    def looked(record: BuildRecord, known: BoundaryFacts) -> list[dict[str, Any]]:
        usual = known.baseline("build.size")
        if usual is None:
            return []
        low, high = usual.usual(relative=0.5)
        return [{"outside": max(low - record.size, record.size - high, 0.0)}]

    frame = Frame[BuildRecord](
        f"history-{len(engine()._suites)}",
        ("outside",),
        looked,
        count=lambda _, known: int(known.baseline("build.size") is not None),
        empty="there is no history",
    )
    told: Callable[[BuildRecord, BoundaryFacts], str] = lambda record, _: str(record.size)  # noqa: E731
    one = Check[BuildRecord]("B01", (at_most(frame.name, "outside", 0),), told, told, **changes)
    return Contract(BuildRecord, (frame,), (one,), lambda *_: {})


SIZE: dict[str, Any] = {"history": lambda *_: ["build.size"]}


@pytest.mark.parametrize(("size", "status"), [(48_000, CheckStatus.PASSED), (20_000, CheckStatus.FAILED)])
def test_a_record_is_held_against_its_baseline(size: int, status: CheckStatus) -> None:
    known = facts(history=factories.history(build__size=50_000))
    assert only(with_history(**SIZE).check(build(size=size), known)) == (status, str(size))


@pytest.mark.parametrize("samples", [0, 4])
def test_too_few_earlier_runs_are_no_pass_and_no_stop(samples: int) -> None:
    history = factories.history(build__size=50_000, samples=samples) if samples else History()
    report = with_history(**SIZE).check(build(size=1), facts(history=history))
    assert only(report)[0] is CheckStatus.NOT_ENOUGH_HISTORY
    (found,) = report.results
    assert found.message == f"5 earlier accepted runs are needed; there are {samples} of build.size"
    assert not report.stops
    assert not report.accepted  # nothing else was looked at


@pytest.mark.parametrize(
    ("history", "observed"),
    [
        (None, "FACT_MISSING: the boundary was not told the history"),
        (History(problem='relation "baselines" does not exist'), 'FACT_MISSING: relation "baselines" does not exist'),
    ],
)
def test_a_history_that_cannot_be_read_is_a_rejection(history: History | None, observed: str) -> None:
    report = with_history(**SIZE).check(build(), facts(history=history))
    assert only(report) == (CheckStatus.COULD_NOT_RUN, observed)
    assert not report.accepted


def test_what_fails_without_its_history_fails_all_the_same() -> None:
    small = contract()
    check = replace(small.checks[0], history=lambda *_: ["build.size"])
    both = replace(small, checks=(check,))
    assert only(both.check(LIE, facts()))[0] is CheckStatus.FAILED
    assert only(both.check(build(), facts()))[0] is CheckStatus.NOT_ENOUGH_HISTORY

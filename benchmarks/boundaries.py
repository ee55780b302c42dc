"""What a boundary costs when it is warm, beside plain pandas: `python -m benchmarks.boundaries`.

The honest records of the tests are checked: the scan with 1, 100 and 1,000 findings, and every boundary as it is. Then
one frame with five expectations of up to 1,000,000 rows, in seconds of the processor.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from functools import partial
from statistics import median
from typing import Any

import pandas as pd

from benchmarks.room import load
from data_checks import contracts, preload
from data_checks.contract import Contract
from data_checks.engine import engine
from data_checks.facts import BoundaryFacts
from data_checks.frames import Expect, Parameter, Row, at_most, between, equal, in_set, unique
from sluice.records.checks import BoundaryReport
from sluice.records.common import StageRecord
from sluice.states import CheckStatus
from tests import factories

SIZES = (1, 100, 1000)
FRAME_SIZES = (1000, 100_000, 1_000_000)
FRAME = (
    in_set("rows", "severity", ["high", "low", "critical"]),
    between("rows", "score", 0, 10),
    unique("rows", "fingerprint"),
    at_most("rows", "wrong", 5),
    equal("rows", "built", "scanned"),
)


def main() -> None:
    """Measure and print the table."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rounds", type=int, default=20, help="checks of each kind; medians are shown")
    rounds: int = words.parse_args().rounds
    began = time.perf_counter()
    preload()
    print(f"import and suites, once a process: {time.perf_counter() - began:.2f} s (the warm process has done it)\n")
    print("| boundary | rows | ms | plain pandas, ms | ratio |\n|---|---:|---:|---:|---:|")
    for name, rows, record in records():
        contract, facts = contracts()[record.STAGE], factories.facts()
        agree(contract.check(record, facts), by_pandas(contract, record, facts))
        checked = milliseconds(partial(contract.check, record, facts), rounds)
        plain = milliseconds(partial(by_pandas, contract, record, facts), rounds)
        print(f"| {name} | {rows} | {checked:.1f} | {plain:.1f} | {checked / plain:.1f} |")
    print("\n| rows of a frame | s | plain pandas, s | ratio |\n|---|---:|---:|---:|")
    for size in FRAME_SIZES:
        checked, plain = frame_seconds(size)
        print(f"| {size:,} | {checked:.3f} | {plain:.3f} | {checked / plain:.1f} |")
    print(f"\n{load()}")


def frame_seconds(size: int) -> tuple[float, float]:
    """Return the processor's seconds for a frame of `size` good rows: by the warm suite, and by plain pandas."""
    rows: list[Row] = [
        {
            "severity": "high",
            "score": number % 10 + 0.5,
            "fingerprint": f"{number:064x}",
            "wrong": number % 5,
            "built": str(number),
            "scanned": str(number),
        }
        for number in range(size)
    ]
    expectations: dict[str, Expect] = {str(place): expect for place, expect in enumerate(FRAME)}
    suite = engine().suite("benchmark.rows", expectations)
    began = time.process_time()
    verdicts = suite.validate(rows, size, {}).verdicts
    between_ = time.process_time()
    frame = pd.DataFrame(rows)
    good = [EVALUATE[expect.type](frame, dict(expect.kwargs)) for expect in FRAME]
    ended = time.process_time()
    if not all(good) or not all(each.passed for each in verdicts.values()):
        raise SystemExit("the two do not agree")
    return between_ - began, ended - between_


def records() -> Iterable[tuple[str, int, StageRecord]]:
    """Yield name, rows of the largest frame, and a record that its boundary believes."""
    for size in SIZES:
        findings = tuple(factories.finding(fingerprint=f"{number:064x}") for number in range(size))
        yield "after scan", size, factories.scan(findings=findings, findings_total=size)
    for name in ("checkout", "run_of", "build", "deploy", "smoke", "rollback"):
        record = factories.run_of(factories.execution()) if name == "run_of" else getattr(factories, name)()
        yield f"after {record.STAGE}", 1, record


def agree(report: BoundaryReport, plain: dict[str, bool]) -> None:
    """Refuse to compare two that do not evaluate the same: what passed at the boundary passes by hand."""
    wrong = [each.code for each in report.results if each.status is CheckStatus.PASSED and not plain[each.code]]
    if wrong or not report.accepted:
        raise SystemExit(f"plain pandas differs from the boundary in {wrong}, accepted: {report.accepted}")


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Return the median milliseconds of a call, the first one left out."""
    work()
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return 1000 * median(taken)


def by_pandas(contract: Contract[Any], record: StageRecord, facts: BoundaryFacts) -> dict[str, bool]:
    """Evaluate the same expectations on the same rows by hand: code to verdict, without words and guards."""
    parameters = contract.parameters(record, facts)
    tables = {frame.name: pd.DataFrame(frame.rows(record, facts)) for frame in contract.frames}
    good = {check.code: True for check in contract.checks}
    for check in contract.checks:
        for expect in check.expectations:
            table = tables[expect.frame]
            if len(table):
                given = {
                    key: parameters[value.name] if isinstance(value, Parameter) else value
                    for key, value in expect.kwargs.items()
                }
                good[check.code] &= EVALUATE[expect.type](table, given)
    return good


def _between(values: pd.Series, given: dict[str, Any]) -> bool:
    low, high = given.get("min_value"), given.get("max_value")
    return bool((low is None or (values >= low).all()) and (high is None or (values <= high).all()))


EVALUATE: dict[str, Callable[[pd.DataFrame, dict[str, Any]], bool]] = {
    "expect_column_values_to_be_in_set": lambda t, g: bool(t[g["column"]].isin(g["value_set"]).all()),
    "expect_column_values_to_be_between": lambda t, g: _between(t[g["column"]], g),
    "expect_column_min_to_be_between": lambda t, g: _between(t[g["column"]], g),
    "expect_column_max_to_be_between": lambda t, g: _between(t[g["column"]], g),
    "expect_column_values_to_be_unique": lambda t, g: bool(t[g["column"]].is_unique),
    "expect_column_pair_values_to_be_equal": lambda t, g: bool((t[g["column_A"]] == t[g["column_B"]]).all()),
}

if __name__ == "__main__":
    main()

"""The one place that talks to Great Expectations: suites are built once per process and kept warm.

Importing this module is cheap; `great_expectations` is imported when the first suite is built (seconds when cold), or
by `data_checks.preload()` in the warm process. No thread is started, nothing is written, nothing is sent.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from data_checks.frames import Expect, Parameter, Rows
from data_checks.kept import kept, once_each, plain_or
from data_checks.table import table
from sluice.errors import SluiceError

COUNT = "row count"  # key of the guard that every suite has
EXPECTED_ROWS = "expected_rows"


class EmptySuiteError(SluiceError):
    """A suite or contract without a check: Great Expectations would pass it, we refuse to build it."""

    code = "SUITE_EMPTY"


@dataclass(frozen=True)
class Verdict:
    """What became of one expectation.

    Attributes:
        passed: it was evaluated and holds.
        error: why it was not evaluated; "" when it was.
        culprits: indices of the rows that break it, as Great Expectations names them.
    """

    passed: bool
    error: str = ""
    culprits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Validated:
    """What Great Expectations said of a frame: a verdict for each key, and the columns in which a row has no value."""

    verdicts: Mapping[str, Verdict]
    gaps: tuple[str, ...]


class Suite:
    """A warm suite over one frame: the frame's expectations, and a row count, since GX passes an empty frame.

    Args:
        context: where it is kept.
        name: its name.
        expectations: by key.
        named: keys of those whose culprits are shown; to find them takes as long as to evaluate it.
    """

    def __init__(self, context: Any, name: str, expectations: Mapping[str, Expect], named: Collection[str]) -> None:
        if not expectations:
            raise EmptySuiteError(f"suite {name} has no expectation")
        self._columns = sorted({column for expect in expectations.values() for column in expect.columns})
        guard = Expect("expect_table_row_count_to_equal", name, {"value": Parameter(EXPECTED_ROWS)})
        self._expectations = {COUNT: guard, **expectations}
        self._named = frozenset(named)
        built = [_expectation(key, each) for key, each in self._expectations.items()]
        asset = context.data_sources.get("sluice").add_dataframe_asset(name)
        batches = asset.add_batch_definition_whole_dataframe(name)
        suite = context.suites.add(_suite(name, built))
        definition = context.validation_definitions.add(_definition(name, batches, suite))
        self._batches, self._suite = definition.data, definition.suite

    def validate(self, rows: Rows, count: int, parameters: Mapping[str, object]) -> Validated:
        """Return a verdict for each key, the row count's included; whatever was not evaluated has an error.

        Args:
            rows: at least one row.
            count: number of rows that there must be.
            parameters: suite parameters by name.
        """
        held = table(rows, self._columns)
        given = {**parameters, EXPECTED_ROWS: count}
        # The definition's own `run` also compares it with its stored twin and stores the result: as long again.
        batch = self._batches.get_batch(batch_parameters={"dataframe": held.frame})
        outcome = batch.validate(self._suite, expectation_parameters=given, result_format="BOOLEAN_ONLY")
        verdicts = {key: Verdict(False, "Great Expectations gave no result for it") for key in self._expectations}
        for result in outcome.results:
            verdicts[result.expectation_config.meta["key"]] = _verdict(result)
        for key, verdict in verdicts.items():
            if not verdict.passed and not verdict.error and key in self._named:
                verdicts[key] = Verdict(False, culprits=self._culprits(batch, key, given))
        return Validated(verdicts, held.gaps)

    def _culprits(self, batch: Any, key: str, parameters: Mapping[str, object]) -> tuple[int, ...]:
        """Ask a failed expectation again, for the rows that break it (too slow to ask always)."""
        expectation = _expectation(key, self._expectations[key].of_each_row)
        result = batch.validate(expectation, expectation_parameters=dict(parameters), result_format="COMPLETE")
        return tuple(int(index) for index in result.result.get("unexpected_index_list") or ())


class Engine:
    """An ephemeral Great Expectations context and the suites that were built in it."""

    def __init__(self) -> None:
        gx = _import()
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        self._context.data_sources.add_pandas("sluice")
        self._suites: dict[str, Suite] = {}
        self.lock = threading.Lock()

    def suite(self, name: str, expectations: Mapping[str, Expect], named: Collection[str] = ()) -> Suite:
        """Return the warm suite `name`, built at the first call with the culprits of `named` shown."""
        if name not in self._suites:
            self._suites[name] = Suite(self._context, name, expectations, named)
        return self._suites[name]


@cache
def engine() -> Engine:
    """Return the process's one engine."""
    return Engine()


def _import() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read at import; it would phone home
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # GX 1.24 imports sre_constants
        import great_expectations
        from great_expectations.core import id_dict as ids
        from great_expectations.execution_engine import pandas_execution_engine
        from great_expectations.expectations import expectation
        from tqdm import tqdm  # type: ignore[import-untyped]

    pandas_execution_engine.HASH_THRESHOLD = 0  # bytes; it would hash each frame twice, for a mark that nobody reads
    vars(ids)["convert_to_json_serializable"] = plain_or(vars(ids)["convert_to_json_serializable"])
    vars(expectation)["get_metric_kwargs"] = once_each(vars(expectation)["get_metric_kwargs"])
    vars(expectation)["camel_to_snake"] = cache(vars(expectation)["camel_to_snake"])
    tqdm.monitor_interval = 0  # it starts a thread even for a bar that is off, and the warm process forks
    return great_expectations


def _suite(name: str, expectations: list[Any]) -> Any:
    from great_expectations import ExpectationSuite

    return ExpectationSuite(name=name, expectations=expectations)


def _definition(name: str, data: Any, suite: Any) -> Any:
    from great_expectations import ValidationDefinition

    return ValidationDefinition(name=name, data=data, suite=suite)


def _expectation(key: str, expect: Expect) -> Any:
    kwargs: dict[str, Any] = {
        name: {"$PARAMETER": value.name} if isinstance(value, Parameter) else value
        for name, value in expect.kwargs.items()
        if value is not None
    }
    return kept(expect.type)(**kwargs, meta={"key": key})


def _verdict(result: Any) -> Verdict:
    """Read a result; an exception inside Great Expectations is an error, whatever `success` says."""
    info = result.exception_info or {}
    # One flat dict, or one dict a metric that failed.
    for each in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if each.get("raised_exception"):
            return Verdict(False, str(each.get("exception_message")))
    if not isinstance(result.success, bool):
        return Verdict(False, f"Great Expectations answered {result.success!r}")
    return Verdict(result.success)

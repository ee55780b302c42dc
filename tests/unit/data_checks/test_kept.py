"""Keeping the configuration changes no verdict, no parameter outlives its check, and ids stay as they were."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any

import pytest

from data_checks.engine import engine
from data_checks.frames import Parameter, in_set
from data_checks.kept import once_each, plain_or


def test_a_parameter_of_one_check_is_not_seen_by_the_next() -> None:
    suite = engine().suite("kept.parameters", {"C99/0": in_set("kept", "word", Parameter("words"))})
    rows = [{"word": "a"}]
    found = [suite.validate(rows, 1, {"words": [word]}).verdicts["C99/0"].passed for word in ("a", "b", "a")]
    assert found == [True, False, True]


@pytest.mark.parametrize(
    "made_of",
    [
        {"column": "a", "table": None},
        {"value_set": ["a", "b"], "min_value": 1, "strict_min": False},
        {"min_value": 0.5, "max_value": float("nan"), "column": "a"},
        {"days": [date(2026, 11, 28)], "column": "a"},
        {"inner": {"x": [1, {"y": 2.0}]}, "column": "a"},
    ],
)
def test_an_id_is_what_it_was(made_of: dict[str, Any]) -> None:
    engine()
    from great_expectations.core import id_dict
    from great_expectations.util import convert_to_json_serializable

    quick = id_dict.IDDict(made_of).to_id()
    as_json = json.dumps(convert_to_json_serializable(dict(made_of)), sort_keys=True)
    assert quick == hashlib.md5(as_json.encode(), usedforsecurity=False).hexdigest()


def test_what_is_json_is_not_converted() -> None:
    asked: list[Any] = []
    convert = plain_or(lambda data: asked.append(data) or "converted")
    assert convert({"a": 1, "b": ["x", None]}) == {"a": 1, "b": ["x", None]}
    assert not asked
    assert convert({"a": 1.5}) == "converted"
    assert asked == [{"a": 1.5}]


def test_metrics_are_given_what_they_were_given_by_an_expectation_for_each() -> None:
    engine()
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import get_metric_kwargs

    made: list[str] = []

    class Counted(ExpectationConfiguration):
        def to_domain_obj(self) -> Any:
            made.append(self.kwargs["column"])
            return super().to_domain_obj()

    kind = "expect_column_values_to_be_in_set"
    words, others = (Counted(kind, {"column": name, "value_set": [name], "batch_id": "b"}) for name in "ab")
    metrics = ("column_values.in_set.condition", "column_values.nonnull.unexpected_count", "table.row_count")
    ask = once_each(get_metric_kwargs)
    quick = [ask(name, each, {"result_format": "BASIC"}) for each in (words, others, words) for name in metrics]
    assert made == ["a", "b", "a"]
    assert quick == [
        get_metric_kwargs(name, each, {"result_format": "BASIC"}) for each in (words, others, words) for name in metrics
    ]
    assert ask(metrics[0]) == get_metric_kwargs(metrics[0])

"""Keeping the configuration changes no verdict, and no parameter outlives its check."""

from __future__ import annotations

from data_checks.engine import engine
from data_checks.frames import Parameter, in_set


def test_a_parameter_of_one_check_is_not_seen_by_the_next() -> None:
    suite = engine().suite("kept.parameters", {"C99/0": in_set("kept", "word", Parameter("words"))})
    rows = [{"word": "a"}]
    found = [suite.validate(rows, 1, {"words": [word]}).verdicts["C99/0"].passed for word in ("a", "b", "a")]
    assert found == [True, False, True]

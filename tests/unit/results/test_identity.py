"""Which tests are one test over all runs, and which never are."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from sluice.results.identity import key_of_test, split_name, stored_id


@pytest.mark.parametrize(
    ("name", "base", "parameters"),
    [
        ("test_adds", "test_adds", ""),
        ("test_adds[1-a b]", "test_adds", "1-a b"),
        ("test_adds[]", "test_adds", ""),
        ("test_each[e/[f]]", "test_each", "e/[f]"),
        ("Sums(1,2,3)", "Sums", "1,2,3"),
        ('Says("(")', "Says", '"("'),
        ("adds()", "adds()", ""),
        ("priced(int)[2]", "priced", "(int)[2]"),
        ("[build failed]", "[build failed]", ""),
        ("testSums with data set #0", "testSums", "#0"),
        ("Prices -- @1.1 Some", "Prices -- @1.1 Some", ""),
        ("TestSum/two_items", "TestSum/two_items", ""),
        ("{int}[2] priced", "{int}[2] priced", ""),
        ("cart (old) adds", "cart (old) adds", ""),
    ],
)
def test_parameters_are_told_from_the_name(name: str, base: str, parameters: str) -> None:
    assert split_name(name) == (base, parameters)


def test_nothing_that_differs_is_one_test() -> None:
    one: tuple[Any, ...] = (7, "suite", "tests/a.py", "tests.a.TestA", "test_x[1]", "1")
    others = [
        (8, *one[1:]),
        (7, "chrome", *one[2:]),
        (*one[:2], "tests/b.py", *one[3:]),
        (*one[:3], "tests.a.TestB", *one[4:]),
        (*one[:4], "test_x[2]", "1"),
        (*one[:5], "2"),
        (7, "suite", "", "tests/a.py", "tests.a.TestA::test_x[1]", "1"),
    ]
    keys = [key_of_test(*each) for each in (one, *others)]
    assert len(set(keys)) == len(keys)
    assert key_of_test(*one) == keys[0]
    assert len(keys[0]) == 32


@pytest.mark.parametrize("sign", ["n", "ü", "\U0001f6a6"])
def test_an_id_fits_an_index_and_stays_unique(sign: str) -> None:
    ids = [stored_id("c" * 1990, sign * size) for size in (1, 400, 1999, 2000)]
    assert ids[0] == "c" * 1990 + "::" + sign
    assert all(len(each.encode()) <= 2004 for each in ids)
    assert all(left != right for left, right in itertools.combinations(ids, 2))

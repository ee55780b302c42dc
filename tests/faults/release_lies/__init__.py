"""The lies of a release, from its build to its rollback, really made, each with its honest twin: one function a case.

A case does on real parts what the lie does, takes the record of the real stage function, and returns it with what the
runner knows. `test_lies.py` holds it against the real contract: the lie is stopped (or warned of) by its code, the twin
is believed. The first line of a case's docstring is its line in docs/no-silent-green.md.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from data_checks.facts import BoundaryFacts
from data_checks.registry import BY_CODE
from sluice.records.common import StageRecord

Told = tuple[StageRecord, BoundaryFacts]
Case = Callable[..., Told]
LIES: dict[str, Case] = {}
TWINS: dict[str, Case] = {}
MODULES = ("of_build", "of_scan", "of_deploy", "of_smoke", "of_rollback")
BEGIN, END = "<!-- table: tests.faults.release_lies -->", "<!-- end of lies -->"


def lie(code: str) -> Callable[[Case], Case]:
    """Register the lie of a code; its arguments are pytest fixtures."""
    return _into(LIES, code)


def twin(code: str) -> Callable[[Case], Case]:
    """Register the honest twin of a code: the nearest true case."""
    return _into(TWINS, code)


def _into(cases: dict[str, Case], code: str) -> Callable[[Case], Case]:
    def register(case: Case) -> Case:
        assert code in BY_CODE, f"{code} is no code of the registry"
        assert code not in cases, f"{code} has two cases"
        assert case.__doc__, f"{case.__name__} says nothing for the table"
        cases[code] = case
        return case

    return register


def load() -> None:
    """Import every module of cases."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")


def table() -> str:
    """Return the table of all cases in Markdown; a case that did not do what it says has failed its test."""
    lines = ["| code | the lie as it is made | | its honest twin | |", "|---|---|---|---|---|"]
    lines += [
        f"| {code} | {_line(LIES[code])} | caught | {_line(TWINS[code])} | passes |"
        for code in sorted(LIES, key=list(BY_CODE).index)
    ]
    return "\n".join(lines)


def _line(case: Case) -> str:
    return (case.__doc__ or "").strip().splitlines()[0].rstrip(".")

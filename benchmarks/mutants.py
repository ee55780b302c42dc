"""Mutants of the contracts, and whether the unit tests kill them: `python -m benchmarks.mutants [MODULE …]`.

One change a mutant: a comparison the other way round or off by its end, a `not` dropped, `and` for `or`, a number
doubled or halved, a check left out of its contract, a sentence left empty. Each runs in a fork of a process that is
warm, and is the module's source as it is imported there: no file is changed. A mutant of a contract lives when the unit
tests of its boundary, of the registry and of judging again pass over it; one of what every contract is made of, when
all unit tests of this room do. Prints who lives, and the score.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from data_checks import preload

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests/unit/data_checks"
CONTRACTS = (
    *("build_size", "after_smoke", "after_build", "test_history", "after_tests_usual", "after_deploy", "after_scan"),
    *("scan_findings", "after_rollback", "after_checkout", "after_tests", "execution", "execution_rows"),
)
CORE = ("check", "contract", "engine", "facts", "frames", "kept", "registry", "table")
OWN = {"test_history": "after_tests_usual", "execution": "after_tests", "execution_rows": "after_tests"}
OWN |= {"scan_findings": "after_scan"} | dict.fromkeys(("check", "engine", "facts", "frames"), "contract")
SAME = (("after_tests", "after_tests_usual"), ("after_build", "build_size"))  # tests of one boundary
LIMIT_SECONDS = 240
OTHER: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip

Change = tuple[str, Callable[[Any], ast.AST]]
"""What is changed, in words, and the function that does it to a copy of the node."""


def changes(node: ast.AST) -> Iterator[Change]:
    """Yield each change of one node."""
    match node:
        case ast.Compare(ops=[op]):
            yield from (_change(f"{_name(op)} → {other.__name__}", ops=[other()]) for other in OTHER[type(op)])
        case ast.UnaryOp(op=ast.Not()):
            yield "no not", lambda found: found.operand
        case ast.BoolOp(op=op):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield _change(f"{_name(op)} → {_name(other)}", op=other)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            yield from (_change(f"{value} → {new}", value=new) for new in _numbers(value))
        case ast.Return(value=ast.JoinedStr() | ast.IfExp() | ast.Call()):
            yield _change("returns nothing", value=ast.Constant(""))
        case ast.Tuple(elts=[ast.Call(func=ast.Name(id="Check")), *_]):
            yield from (_without(node, place) for place in range(len(node.elts)))


def _change(words: str, **fields: object) -> Change:
    def change(node: ast.AST) -> ast.AST:
        for name, value in fields.items():
            setattr(node, name, value)
        return node

    return words, change


def _without(checks: ast.Tuple, place: int) -> Change:
    call = checks.elts[place]
    left = [each for number, each in enumerate(checks.elts) if number != place]
    code = call.args[0] if isinstance(call, ast.Call) else call  # `*checks_of_another_module`
    return _change(f"without {ast.unparse(code)}", elts=left)


def _numbers(value: float) -> tuple[float, ...]:
    """Return other numbers in one's place."""
    if not value:
        return (1,)
    half = value / 2 if isinstance(value, float) else value // 2
    return tuple(new for new in (value * 2, half) if new != value)


def _name(node: ast.AST) -> str:
    return type(node).__name__


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield every mutant of a module: line and change in words, and its tree."""
    tree = ast.parse(source)
    for place, node in enumerate(ast.walk(tree)):
        for words, change in changes(node):
            mutant = copy.deepcopy(tree)
            target = list(ast.walk(mutant))[place]
            _Swap(target, change(target)).visit(mutant)
            yield f"{getattr(node, 'lineno', 0)}: {words}", ast.fix_missing_locations(mutant)


class _Swap(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """Return the new node in the old one's place."""
        if node is self.old:
            return self.new
        return super().visit(node)  # type: ignore[no-any-return]


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a tree."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name, self.tree = name, tree

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """Find the one."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutant."""
        exec(compile(self.tree, self.name, "exec"), module.__dict__)


def tests_of(module: str) -> list[Path]:
    """Return the tests that could see a mutant of a module, its own first, which most of them die of."""
    own = OWN.get(module, module)
    same = [name for group in SAME if own in group for name in group]
    if module in CORE:
        same = sorted(path.stem.removeprefix("test_") for path in TESTS.glob("test_*.py"))
    return [TESTS / f"test_{name}.py" for name in dict.fromkeys((own, *same, "again", "registry"))]


def lives(module: str, tree: ast.Module, tests: Sequence[Path]) -> bool:
    """Tell whether the tests pass over a mutant, in a child of this process."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own way is to tidy up after old sessions: seconds
        child = os.fork()
        if child == 0:
            os._exit(_run_over(module, tree, [f"--basetemp={folder}/pytest", *map(str, tests)]))
        return os.waitpid(child, 0)[1] == 0


def _run_over(module: str, tree: ast.Module, words: Sequence[str]) -> int:
    """Import the mutant in the module's place, run the tests, and return pytest's exit code."""
    signal.alarm(LIMIT_SECONDS)  # a mutant that hangs is dead too
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("data_checks", "tests")]:
        del sys.modules[name]
    sys.meta_path.insert(0, Mutated(f"data_checks.{module}", tree))
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *words]))


def main() -> None:
    """Make every mutant, run the tests over it, print who lives."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("modules", nargs="*", default=CONTRACTS + CORE)
    words.add_argument("--every", type=int, default=1, help="make only each so-manieth mutant of a module")
    asked = words.parse_args()
    preload()
    total, alive, began = 0, 0, time.monotonic()
    for module in asked.modules:
        source = (ROOT / f"data_checks/{module}.py").read_text()
        tests = tests_of(module)
        assert lives(module, ast.parse(source), tests), "the tests are red without a mutant"
        found = list(mutants(source))[:: asked.every]
        kept = 0
        for name, tree in found:
            if lives(module, tree, tests):
                kept += 1
                print(f"  {module}:{name}", flush=True)
        total, alive = total + len(found), alive + kept
        print(f"{module}: {len(found) - kept} of {len(found)} killed", flush=True)
    print(f"{total - alive} of {total} killed, {(total - alive) / total:.1%}, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

"""A branch beside the default branch, and what a merge makes of the two."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.clean.project import File, State


@dataclass
class Branch:
    """A branch: its tree, and the tree of the default branch when it began."""

    name: str
    state: State
    base: State
    left: int
    fork: str  # commit that it began at


def merged(branch: Branch, main: State) -> State:
    """Return the tree of a merge: what the branch changed, else the default branch's."""
    state = main.copy()
    for number in branch.base.files.keys() | branch.state.files.keys():
        mine, base = branch.state.files.get(number), branch.base.files.get(number)
        if mine is None:
            state.files.pop(number, None)
        elif base is None:
            state.files[number] = mine
        elif mine != base and number in state.files:
            state.files[number] = _both(state.files[number], base, mine)
    state.runtime = max(0, main.runtime + branch.state.runtime - branch.base.runtime)
    state.development = max(1, main.development + branch.state.development - branch.base.development)
    return state


def _both(theirs: File, base: File, mine: File) -> File:
    """Return a file with what was done to it on both sides."""
    numbers = ("lines", "size", "tests", "skips", "added", "deleted")
    moved = {name: getattr(theirs, name) + getattr(mine, name) - getattr(base, name) for name in numbers}
    least = {"lines": 1, "size": 20, "tests": min(1, mine.tests)}
    moved = {name: max(least.get(name, 0), value) for name, value in moved.items()}
    path = theirs.path if mine.path == base.path else mine.path
    return replace(mine, **{**moved, "skips": min(moved["skips"], moved["tests"]), "path": path})

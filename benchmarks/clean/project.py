"""A project and what people do to it: files come, grow, move, split and go, and with them tests, lines and packages."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from random import Random

from sluice.records.checkout import ChangedFile


@dataclass
class File:
    """One file. `added` and `deleted` count lines since it was made, so that two states tell what git would."""

    path: str
    lines: int
    size: int
    tests: int = 0
    skips: int = 0  # of its tests, on the usual platform
    covered: float = 0.0  # share of its lines, of code
    over: int | None = None  # its tests are made of this file of code: they go with it
    packed: bool = True
    added: int = 0
    deleted: int = 0

    def edit(self, added: int, deleted: int) -> None:
        """Change lines."""
        deleted = min(deleted, self.lines - 1)
        self.lines += added - deleted
        self.size = max(20, self.size + 35 * (added - deleted))
        self.added, self.deleted = self.added + added, self.deleted + deleted


@dataclass
class State:
    """A tree: files by a number that stays theirs when they move, and the packages of the lock files."""

    files: dict[int, File] = field(default_factory=dict)
    runtime: int = 5  # packages that the release is locked to
    development: int = 20  # packages that only the repository's lock file names
    series: tuple[str, ...] = ("linux",)
    base: str = "CPython 3.11.7 linux-x86_64"
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), compare=False)  # of all its branches

    def copy(self) -> State:
        """Return a tree that does not move when this one does."""
        return replace(self, files=deepcopy(self.files))

    @property
    def python(self) -> str:
        """Version of the interpreter that tests and release run on."""
        return self.base.split(" ")[1]

    @property
    def tests(self) -> list[int]:
        """Numbers of the files with tests."""
        return [number for number, file in self.files.items() if file.tests and file.over is None]

    @property
    def code(self) -> list[int]:
        """Numbers of the files of code."""
        return [number for number, file in self.files.items() if file.covered]

    def touch(self, path: str) -> None:
        """Change a line of a file that there is once."""
        for file in self.files.values():
            if file.path == path:
                file.edit(1, 1)

    def total(self) -> int:
        """Return how many tests there are."""
        return sum(file.tests for file in self.files.values())

    def add(self, path: str, lines: int, **more: int | float | bool | None) -> File:
        """Add a file."""
        file = File(path, lines, size=35 * lines)
        for name, value in more.items():
            setattr(file, name, value)
        self.files[next(self.numbers)] = file
        return file


def changes(old: State, new: State) -> tuple[ChangedFile, ...]:
    """Return what git would say differs between two trees."""
    found = []
    for number in sorted(old.files.keys() | new.files.keys()):
        was, is_ = old.files.get(number), new.files.get(number)
        if (was or is_).over is not None:  # type: ignore[union-attr]
            continue  # tests that a loop makes are no file
        if was is None and is_ is not None:
            found.append(ChangedFile(path=is_.path, change="A", additions=is_.lines, deletions=0))
        elif is_ is None and was is not None:
            found.append(ChangedFile(path=was.path, change="D", additions=0, deletions=was.lines))
        elif was is not None and is_ is not None:
            # What only the old tree had added (a branch beside it lacks that) is deleted in the new one.
            added = max(0, is_.added - was.added) + max(0, was.deleted - is_.deleted)
            deleted = max(0, is_.deleted - was.deleted) + max(0, was.added - is_.added)
            if was.path != is_.path:
                found.append(
                    ChangedFile(path=is_.path, change="R", old_path=was.path, additions=added, deletions=deleted)
                )
            elif added or deleted:
                found.append(ChangedFile(path=is_.path, change="M", additions=added, deletions=deleted))
    return tuple(found)


class Project:
    """A project of one character, on its way."""

    def __init__(self, name: str, random: Random, *, modules: int, tests: int, weights: Mapping[str, float]) -> None:
        self.name = name
        self.random = random
        self.weights = dict(weights)
        self.state = State()
        self.commits = 0
        self.done: list[str] = []
        self.state.add("pyproject.toml", 60)
        self.state.add("uv.lock", 700, packed=False)
        self.state.add("README.md", 80, packed=False)
        for number in range(modules):
            self.module(number, tests // modules)

    def module(self, number: int, tests: int) -> None:
        """Add a module of code and its tests."""
        draw = self.random
        self.state.add(f"src/{self.name}/m{number}.py", draw.randint(40, 400), covered=draw.uniform(0.75, 0.99))
        lines = max(10, tests * draw.randint(4, 14))
        self.state.add(f"tests/test_m{number}.py", lines, tests=max(1, tests), packed=False)

    def commit(self) -> str:
        """Do what goes into one commit; return its id. Small commits are the rule, squashed branches are not rare."""
        many = self.random.choices((1, 2, 3, 6), weights=(60, 20, 12, 8))[0]
        names = self.random.choices(list(self.weights), weights=list(self.weights.values()), k=many)
        before = self.state.copy()
        self.done = [name for name in names if DOINGS[name](self, self.state) is not False]
        if not self.state.tests or not self.state.code:  # nobody empties a project
            self.state, self.done = before, ["edit_code"]
            edit_code(self, self.state)
        self.commits += 1
        return hashlib.sha1(f"{self.name} {self.commits} {self.random.random()}".encode()).hexdigest()

    def pick(self, numbers: list[int]) -> File:
        """Return one of these files."""
        return self.state.files[self.random.choice(numbers)]


Doing = Callable[[Project, State], bool | None]
DOINGS: dict[str, Doing] = {}


def doing(function: Doing) -> Doing:
    """Register something that people do."""
    DOINGS[function.__name__] = function
    return function


@doing
def edit_code(project: Project, state: State) -> None:
    """Change some lines; what is new may be less covered."""
    file = project.pick(state.code)
    added, deleted = project.random.randint(1, 60), project.random.randint(0, 40)
    new = project.random.choice((0.2, 0.8, 0.95, 1.0))
    file.covered = max(0.05, (file.covered * file.lines + new * added) / (file.lines + added))
    file.edit(added, deleted)


@doing
def edit_words(project: Project, state: State) -> None:
    """Change the documentation only."""
    for file in state.files.values():
        if file.path.endswith(".md"):
            file.edit(project.random.randint(1, 30), project.random.randint(0, 10))


@doing
def new_module(project: Project, state: State) -> None:
    """Add a module with tests."""
    project.module(next(state.numbers), project.random.randint(2, 25))


@doing
def new_code_untested(project: Project, state: State) -> None:
    """Add a module that has few tests yet."""
    state.add(
        f"src/{project.name}/new{next(state.numbers)}.py",
        project.random.randint(15, 80),
        covered=project.random.uniform(0.3, 0.8),
    )

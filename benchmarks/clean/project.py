"""A project and what people do to it: files come, grow, move, split and go, and with them tests, lines and packages."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random

from sluice.records.checkout import ChangedFile

_numbers = itertools.count(1)


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
        self.files[next(_numbers)] = file
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
            added, deleted = max(0, is_.added - was.added), max(0, is_.deleted - was.deleted)
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
        before = deepcopy(self.state)
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
def new_module(project: Project, _state: State) -> None:
    """Add a module with tests."""
    project.module(next(_numbers), project.random.randint(2, 25))


@doing
def new_code_untested(project: Project, state: State) -> None:
    """Add a module that has few tests yet."""
    state.add(
        f"src/{project.name}/new{next(_numbers)}.py",
        project.random.randint(15, 80),
        covered=project.random.uniform(0.3, 0.8),
    )


@doing
def new_tests(project: Project, state: State) -> None:
    """Add tests to a file, which cover more of the code."""
    file, more = project.pick(state.tests), project.random.randint(1, 15)
    file.tests += more
    file.edit(more * project.random.randint(3, 12), project.random.randint(0, 5))
    code = project.pick(state.code)
    code.covered = min(1.0, code.covered + 0.02)


@doing
def more_parameters(project: Project, state: State) -> None:
    """Parametrise tests: many more, by a few lines."""
    file = project.pick(state.tests)
    file.tests += project.random.randint(5, 40)
    file.edit(project.random.randint(2, 20), project.random.randint(0, 10))


@doing
def fewer_parameters(project: Project, state: State) -> bool | None:
    """Take values out of a parametrised test: far fewer tests, by a line or two."""
    file = project.pick(state.tests)
    gone = min(file.tests - 1, project.random.randint(1, 30))
    if gone < 1:
        return False
    file.tests, file.skips = file.tests - gone, min(file.skips, file.tests - gone)
    file.edit(project.random.randint(0, 1), project.random.randint(2, 6))
    return None


@doing
def tests_put_together(project: Project, state: State) -> bool | None:
    """Write many small tests anew as a few thorough ones: as many lines or more, fewer tests."""
    file = project.pick(state.tests)
    gone = int(file.tests * project.random.uniform(0.3, 0.8))
    if gone < 1:
        return False
    file.tests, file.skips = file.tests - gone, min(file.skips, file.tests - gone)
    deleted = min(file.lines - 1, gone * 6)
    file.edit(int(deleted * project.random.uniform(0.6, 1.6)), deleted)
    return None


@doing
def delete_test_file(project: Project, state: State) -> bool | None:
    """Delete tests with their file."""
    if len(state.tests) < 3:
        return False
    del state.files[project.random.choice(state.tests)]
    return None


@doing
def remove_module(project: Project, state: State) -> bool | None:
    """Remove a module and its tests."""
    both = [number for number in state.code if _twin(state, number)]
    if len(both) < 3:
        return False
    number = project.random.choice(both)
    twin = _twin(state, number)
    del state.files[number]
    if twin is not None:
        del state.files[twin]
    return None


def _twin(state: State, number: int) -> int | None:
    stem = state.files[number].path.rpartition("/")[2]
    return next((n for n in state.tests if state.files[n].path.endswith(f"/test_{stem}")), None)


@doing
def tests_of_each_plugin(project: Project, state: State) -> None:
    """Add a plugin; one test file runs the same tests over every plugin that it finds."""
    number = next(_numbers)
    state.add(f"src/{project.name}/plugins/p{number}.py", project.random.randint(30, 120), covered=0.9)
    plugin = next(reversed(state.files))
    state.add(f"tests/plugins/of_{number}", 1, tests=project.random.randint(4, 20), packed=False, over=plugin)


@doing
def drop_plugins(project: Project, state: State) -> bool | None:
    """Remove plugins; their tests are gone, and no test file changed."""
    plugins = [number for number in state.code if "/plugins/" in state.files[number].path]
    if not plugins:
        return False
    gone = set(project.random.sample(plugins, k=max(1, len(plugins) // 2)))
    state.files = {n: f for n, f in state.files.items() if n not in gone and f.over not in gone}
    return None


@doing
def rename_tests(project: Project, state: State) -> None:
    """Move a test file."""
    file = project.pick(state.tests)
    file.path = f"tests/unit/test_r{next(_numbers)}.py"
    file.edit(project.random.randint(0, 4), project.random.randint(0, 4))


@doing
def move_all_tests(project: Project, state: State) -> None:
    """Move the folder of the tests."""
    folder = project.random.choice(("tests", "tests/all", "test", "src/tests"))
    for number in state.tests:
        state.files[number].path = f"{folder}/{state.files[number].path.rpartition('/')[2]}"


@doing
def rewrite_tests(project: Project, state: State) -> None:
    """Write a test file anew under another name; git sees one file go and another come."""
    number = project.random.choice(state.tests)
    old = state.files.pop(number)
    tests = max(1, int(old.tests * project.random.uniform(0.7, 1.4)))
    state.add(f"tests/test_w{next(_numbers)}.py", max(5, tests * 8), tests=tests, packed=False)


@doing
def split_tests(project: Project, state: State) -> None:
    """Split a test file in two."""
    file = project.pick(state.tests)
    half, lines = file.tests // 2, file.lines // 2
    if half:
        file.tests, file.skips = file.tests - half, min(file.skips, file.tests - half)
        file.edit(0, lines)
        state.add(f"tests/test_s{next(_numbers)}.py", lines + 6, tests=half, packed=False)


@doing
def merge_tests(project: Project, state: State) -> bool | None:
    """Merge two test files into one."""
    if len(state.tests) < 3:
        return False
    one, other = project.random.sample(state.tests, k=2)
    gone = state.files.pop(other)
    state.files[one].tests += gone.tests
    state.files[one].skips += gone.skips
    state.files[one].edit(max(1, gone.lines - 8), 0)
    return None


@doing
def tests_for_elsewhere(project: Project, state: State) -> None:
    """Add tests that skip themselves here: they need another platform, or a program that only some have."""
    many = project.random.randint(5, 60)
    state.add(f"tests/test_win{next(_numbers)}.py", many * 6, tests=many, skips=many, packed=False)


@doing
def skip_some(project: Project, state: State) -> None:
    """Skip a few tests on this platform."""
    file = project.pick(state.tests)
    file.skips = min(file.tests, file.skips + project.random.randint(1, 3))
    file.edit(project.random.randint(1, 4), 0)


@doing
def mend_skips(project: Project, state: State) -> None:
    """Make skipped tests run again."""
    file = project.pick(state.tests)
    file.skips = 0
    file.edit(1, 3)


@doing
def new_platform(_project: Project, state: State) -> bool | None:
    """Add an axis to the matrix, on which a lot is skipped."""
    if len(state.series) > 2:
        return False
    state.series += (f"axis{len(state.series)}",)
    state.touch("pyproject.toml")
    return None


@doing
def drop_platform(_project: Project, state: State) -> bool | None:
    """Take the newest axis out again."""
    if len(state.series) < 2:
        return False
    state.series = state.series[:-1]
    state.touch("pyproject.toml")
    return None

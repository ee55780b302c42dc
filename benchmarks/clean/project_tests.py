"""What people do to the tests of a project: they come, grow, shrink, move, split, merge, skip themselves and go."""

from __future__ import annotations

from benchmarks.clean.project import Project, State, doing


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
    number = next(state.numbers)
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
    file.path = f"tests/unit/test_r{next(state.numbers)}.py"
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
    state.add(f"tests/test_w{next(state.numbers)}.py", max(5, tests * 8), tests=tests, packed=False)


@doing
def split_tests(project: Project, state: State) -> None:
    """Split a test file in two."""
    file = project.pick(state.tests)
    half, lines = file.tests // 2, file.lines // 2
    if half:
        file.tests, file.skips = file.tests - half, min(file.skips, file.tests - half)
        file.edit(0, lines)
        state.add(f"tests/test_s{next(state.numbers)}.py", lines + 6, tests=half, packed=False)


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
    state.add(f"tests/test_win{next(state.numbers)}.py", many * 6, tests=many, skips=many, packed=False)


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

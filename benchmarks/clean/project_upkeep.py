"""What people do to a project beside its code: packages, what is packed, the interpreter."""

from __future__ import annotations

from benchmarks.clean.project import Project, State, doing


def _lock(state: State, by: int) -> None:
    """Change the repository's lock file by so many packages."""
    for file in state.files.values():
        if file.path == "uv.lock":
            file.edit(max(2, 9 * by), max(2, -9 * by))


@doing
def upgrade_packages(project: Project, state: State) -> None:
    """Upgrade; a few packages come or go with their parents."""
    moved = project.random.randint(-2, 3)
    state.runtime = max(0, state.runtime + moved)
    _lock(state, moved)


@doing
def add_package(project: Project, state: State) -> None:
    """Add a dependency with what it needs."""
    more = project.random.randint(1, 15)
    state.runtime += more
    _lock(state, more)


@doing
def drop_package(project: Project, state: State) -> None:
    """Drop a dependency with what it needed."""
    gone = min(state.runtime, project.random.randint(1, 12))
    state.runtime -= gone
    _lock(state, -gone)


@doing
def change_tools(project: Project, state: State) -> None:
    """Replace the tools of the developers (linters, documentation): the release does not have them."""
    was = state.development
    state.development = max(3, int(was * project.random.uniform(0.3, 1.6)))
    _lock(state, state.development - was)


@doing
def change_interpreter(project: Project, state: State) -> None:
    """Take the next patch of Python."""
    state.touch("pyproject.toml")
    state.base = f"CPython 3.11.{project.random.randint(7, 14)} linux-x86_64"


@doing
def add_asset(project: Project, state: State) -> None:
    """Pack a picture, a table or a translation."""
    file = state.add(f"src/{project.name}/data/a{next(state.numbers)}.bin", 1)
    file.size = int(project.random.lognormvariate(9.5, 1.2))  # some 13 KB; one in a hundred above 200 KB


@doing
def drop_asset(project: Project, state: State) -> bool | None:
    """Take one out again."""
    assets = [number for number, file in state.files.items() if "/data/" in file.path]
    if not assets:
        return False
    del state.files[project.random.choice(assets)]
    return None

"""What lies in a real release, and where it can run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.records.build import BuildRecord
from sluice.settings import Home
from sluice.stages.build_platforms import own_platform
from tests.repositories import Repository
from tests.stages.test_build import Build, build, home, no_index, repository
from tests.wheels import make_wheel, package

__all__ = ["build", "home", "no_index", "repository"]


def problems(record: BuildRecord) -> dict[str, str]:
    return {each.platform: each.problem for each in record.platforms}


def test_a_committed_environment_file_is_seen(repository: Repository, build: Build) -> None:
    repository.commit({"main.py": "print('hi')\n", ".env": "DEBUG=1\n", ".env.example": "DEBUG=\n"})
    assert build().secrets == ("app/.env: a file of environment variables",)
    assert build(exclude=[".env"]).secrets == ()


def test_what_a_backend_puts_into_the_wheel_is_seen(repository: Repository, build: Build) -> None:
    files = package()
    taken = 'files = {"greeter/__init__.py": open("greeter/__init__.py", "rb").read()}'
    lie = f'{taken}\n    files["greeter/.git/config"] = open(".git/config", "rb").read()'
    repository.commit({**files, "backend.py": str(files["backend.py"]).replace(taken, lie)})
    wheel = "wheels/greeter-1.4.0-py3-none-any.whl"
    assert build().secrets == (f"{wheel}/greeter/.git/config: the repository itself",)


def test_a_lock_without_a_file_for_a_platform_is_seen(
    repository: Repository, build: Build, no_index: Path, home: Home
) -> None:
    pure = make_wheel(no_index, "colours", "4.0")
    pure.rename(pure.with_name("colours-4.0-py3-none-manylinux_2_17_x86_64.whl"))
    repository.commit(package("colours\nvocabulary\n"))
    record = build(platforms=["linux/amd64", "linux/arm64"])
    assert problems(record)["linux/amd64"] == ""
    assert "colours" in problems(record)["linux/arm64"]
    (no_index / "colours-4.0-py3-none-manylinux_2_17_x86_64.whl").unlink()
    assert problems(build(platforms=["linux/amd64", "linux/arm64"], fresh=True)) == {
        "linux/amd64": "",
        "linux/arm64": "",
    }


def test_the_base_of_a_release_is_told(repository: Repository, build: Build) -> None:
    repository.commit(package())
    record = build()
    assert record.base.startswith("CPython 3.")
    assert (record.base_named_by, problems(record)) == ("", {own_platform(): ""})
    minor = record.release.python
    assert build(python=minor).base_named_by == "build.python"
    repository.commit({".python-version": f"{minor}\n"})
    assert build().base_named_by == ".python-version"


def test_a_tree_without_python_needs_no_base(repository: Repository, build: Build) -> None:
    repository.commit({"index.html": "<p>hi</p>\n"})
    record = build()
    assert (record.base, record.inspected_files, problems(record)) == ("", 2, {own_platform(): ""})


@pytest.mark.parametrize("fresh", [False, True])
def test_a_release_knows_the_size_of_its_lock(repository: Repository, build: Build, fresh: bool) -> None:
    repository.commit(package("politeness\n"))
    assert build(fresh=fresh).lock_packages == 2

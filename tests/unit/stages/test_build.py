"""The parts of a build that need no uv: what a tree is, other tools' locks, wheels made the same."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sluice.config.model import BuildConfig
from sluice.errors import BuildFailedError, Exit
from sluice.stages.build_bundle import _is_packed
from sluice.stages.build_platforms import wheel_problem
from sluice.stages.build_project import LEGACY_REQUIRES, look_at, version_from_git
from sluice.stages.build_requirements import (
    LockError,
    local_path,
    pipfile_requirements,
    poetry_constraints,
    requirement_lines,
)
from sluice.stages.build_wheel import normalise, read_wheel
from tests.broken_archives import BROKEN, WHOLE
from tests.wheels import make_wheel

WHEN = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)


def project(tree: Path, files: dict[str, str]) -> tuple[bool, bool]:
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    found = look_at(tree, sorted(files))
    return found.package, found.python


@pytest.mark.parametrize(
    ("files", "package", "python"),
    [
        ({"pyproject.toml": "[build-system]\nrequires = []\n"}, True, True),
        ({"setup.py": ""}, True, True),
        ({"pyproject.toml": "[project]\nname = 'x'\n"}, False, True),
        ({"pyproject.toml": "[build-system]\nrequires = []\n[tool.uv]\npackage = false\n"}, False, True),
        ({"pyproject.toml": "[build-system]\nrequires = []\n[tool.poetry]\npackage-mode = false\n"}, False, True),
        ({"pyproject.toml": "[project]\nname = 'x'\n[tool.uv]\npackage = true\n"}, True, True),
        ({"app.py": ""}, False, True),
        ({"requirements.txt": ""}, False, True),
        ({"package.json": "{}", "index.js": ""}, False, False),
        ({"README.md": ""}, False, False),
    ],
)
def test_what_a_tree_is(tmp_path: Path, files: dict[str, str], package: bool, python: bool) -> None:
    assert project(tmp_path, files) == (package, python)


def test_a_pyproject_that_is_no_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildFailedError, match=r"pyproject\.toml cannot be read") as caught:
        project(tmp_path, {"pyproject.toml": "[project\n"})
    assert caught.value.exit_code is Exit.BUILD_FAILED


def test_build_requirements_and_versions(tmp_path: Path) -> None:
    project(tmp_path, {"setup.py": "", "package.json": '{"version": "2.0.1"}'})
    found = look_at(tmp_path, ["setup.py"])
    assert found.build_requires == LEGACY_REQUIRES
    assert found.declared_version() == "2.0.1"
    project(tmp_path, {"pyproject.toml": "[build-system]\nrequires = ['a']\n[project]\nversion = '1.2'\n"})
    found = look_at(tmp_path, ["setup.py"])
    assert (found.build_requires, found.declared_version()) == (("a",), "1.2")
    (tmp_path / "pyproject.toml").unlink()
    (tmp_path / "package.json").write_text("[]")
    assert look_at(tmp_path, ["setup.py"]).declared_version() is None


def test_versions_that_come_from_git_are_noticed() -> None:
    assert version_from_git(["requires = ['setuptools_scm']", None])
    assert version_from_git([None, "requires = ['hatchling', 'hatch-vcs']"])
    assert version_from_git(["setup(pbr=True)"])
    assert not version_from_git(["requires = ['hatchling']\nname = 'greeter'\nversion = '1.0'", None])


def test_requirement_lines_lose_comments_and_indexes() -> None:
    text = """\ufeff# made by a tool
-i https://index.example/simple
--extra-index-url https://user:secret@index.example/simple
--find-links /wheels
one==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via two
two==2.0 --hash=sha256:cc  # inline
three @ git+https://git.example/three@{} ; python_version >= "3.9"
""".format("a" * 40)
    assert requirement_lines(text.removeprefix("\ufeff")) == [
        "one==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb",
        "two==2.0 \\\n    --hash=sha256:cc",
        f'three @ git+https://git.example/three@{"a" * 40} ; python_version >= "3.9"',
    ]


def test_folders_of_the_workspace_are_told_from_the_index(tmp_path: Path) -> None:
    (tmp_path / "libs" / "inner").mkdir(parents=True)
    assert local_path("-e ./libs/inner", tmp_path) == "libs/inner"
    assert local_path("./libs/inner", tmp_path) == "libs/inner"
    assert local_path(f"inner @ file://{tmp_path}/libs/inner", tmp_path) == "libs/inner"
    assert local_path("-e .", tmp_path) == "."
    assert local_path("../elsewhere", tmp_path) is None
    assert local_path("file:///etc", tmp_path) is None
    assert local_path("one==1.0 --hash=sha256:aa", tmp_path) is None


def test_poetry_lock_becomes_constraints() -> None:
    lock = """
[[package]]
name = "one"
version = "1.0"
[[package]]
name = "twice"
version = "1.0"
[[package]]
name = "twice"
version = "2.0"
[[package]]
name = "from-git"
version = "3.0"
[package.source]
type = "git"
"""
    assert poetry_constraints(lock) == "one==1.0\n"
    with pytest.raises(LockError, match=r"LOCK_FAILED: poetry\.lock cannot be read"):
        poetry_constraints("[[package")


def test_pipfile_lock_becomes_requirements() -> None:
    lock = """{"default": {
      "two": {"version": "==2.0", "hashes": ["sha256:bb", "sha256:aa"], "markers": "python_version >= '3.8'"},
      "one": {"version": "==1.0", "hashes": ["sha256:cc"], "extras": ["x"]}}, "develop": {"dev": {}}}"""
    assert pipfile_requirements(lock) == (
        "one[x]==1.0 \\\n    --hash=sha256:cc\n"
        "two==2.0 ; python_version >= '3.8' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    )
    for broken in ("", "{}", "[]", '{"default": {"local": {"path": "."}}}', '{"default": []}'):
        with pytest.raises(LockError, match=r"Pipfile\.lock"):
            pipfile_requirements(broken)


def test_a_wheel_is_made_the_same_whoever_made_it(tmp_path: Path) -> None:
    first = make_wheel(tmp_path / "a", "one", "1.0", ("two>=2", 'three; extra == "x"'))
    second = tmp_path / "b" / first.name
    second.parent.mkdir()
    with zipfile.ZipFile(first) as old, zipfile.ZipFile(second, "w") as new:
        for entry in reversed(old.infolist()):
            other = zipfile.ZipInfo(entry.filename, (2031, 5, 6, 7, 8, 10))
            other.external_attr = 0o100600 << 16
            other.create_system = 0
            new.writestr(other, old.read(entry))
        new.writestr("one.data/scripts/", "")
    assert first.read_bytes() != second.read_bytes()
    normalise(first, WHEN)
    normalise(second, WHEN)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as box:
        assert box.testzip() is None
        assert box.namelist()[-1] == "one-1.0.dist-info/RECORD"
        assert {entry.date_time for entry in box.infolist()} == {(2026, 3, 1, 12, 0, 0)}
    wheel = read_wheel(first)
    assert (wheel.name, wheel.version, wheel.requires) == ("one", "1.0", ("two>=2", 'three; extra == "x"'))


def test_no_wheel_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"not a zip")
    with pytest.raises(BuildFailedError, match="no wheel that can be read"):
        read_wheel(tmp_path / "x.whl")
    with zipfile.ZipFile(tmp_path / "y.whl", "w") as box:
        box.writestr("y-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: y\n")
    with pytest.raises(BuildFailedError, match="neither name nor version"):
        read_wheel(tmp_path / "y.whl")


@pytest.mark.parametrize("how", BROKEN)
def test_a_wheel_that_cannot_be_read_is_the_project_s_fault(how: str, tmp_path: Path) -> None:
    path = tmp_path / "greeter-1-py3-none-any.whl"
    path.write_bytes(BROKEN[how])
    for look in (lambda: normalise(path, WHEN), lambda: read_wheel(path)):
        with pytest.raises(BuildFailedError, match="no wheel that can be read"):
            look()
    path.write_bytes(WHOLE)
    normalise(path, WHEN)
    assert read_wheel(path).version == "1"


@pytest.mark.parametrize(
    ("path", "include", "exclude", "package", "packed"),
    [
        ("app.py", (), (), False, True),
        ("app.py", (), (), True, False),
        ("static/a/b.css", ("static",), (), True, True),
        ("static/a/b.css", ("static/",), (), True, True),
        ("static/a/b.css", ("./static/**",), (), True, True),
        ("src/app.py", ("static",), (), False, False),
        ("tests/test_x.py", (), ("tests",), False, False),
        ("src/secret.env", (), ("*.env",), False, False),
        ("static/x.map", ("static",), ("*.map",), True, False),
    ],
)
def test_what_is_packed(
    path: str, include: tuple[str, ...], exclude: tuple[str, ...], package: bool, packed: bool
) -> None:
    config = BuildConfig(include=include, exclude=exclude)
    assert _is_packed(path, config, package=package) is packed


@pytest.mark.parametrize(
    ("file", "platform", "python", "problem"),
    [
        ("a-1.0-py3-none-any.whl", "linux/arm64", "3.11", ""),
        ("a-1.0-py2.py3-none-any.whl", "linux/amd64", "3.11", ""),
        ("a-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", "linux/amd64", "3.11", ""),
        ("a-1.0-cp39-abi3-manylinux_2_17_x86_64.whl", "linux/amd64", "3.11", ""),
        ("a-1.0-cp311-cp311-linux_x86_64.whl", "linux/arm64", "3.11", "is for linux_x86_64"),
        ("a-1.0-cp312-cp312-linux_x86_64.whl", "linux/amd64", "3.11", "is for cp312"),
        ("a-1.0-cp312-abi3-linux_x86_64.whl", "linux/amd64", "3.11", "is for cp312"),
        ("a-1.0-py2-none-any.whl", "linux/amd64", "3.11", "is for py2"),
    ],
)
def test_where_a_wheel_can_be_installed(file: str, platform: str, python: str, problem: str) -> None:
    found = wheel_problem(file, platform, python)
    assert problem in found
    assert bool(found) == bool(problem)

"""What the test stage reads of a project, and of what its agents wrote down."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sluice.config.model import TestConfig
from sluice.stages.testing.coverage import has_own_settings, pytest_options, source_folders
from sluice.stages.testing.dependencies import compile_words, dependency_files, read_project
from sluice.stages.testing.errors import TestSetupError
from sluice.stages.testing.interpreter import requires_python
from sluice.stages.testing.job import Trace, read_trace
from sluice.stages.testing.shard_coverage import numbers, union

PEP621 = '[build-system]\nrequires = ["hatchling"]\n[project]\nname = "x"\nrequires-python = ">=3.9, <3.13"\n'


def tree(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "metadata", "installable", "must"),
    [
        ({"pyproject.toml": PEP621}, "pyproject.toml", True, True),
        ({"pyproject.toml": '[project]\nname = "x"\n'}, "pyproject.toml", True, False),
        ({"pyproject.toml": '[project]\nname = "x"\n[tool.uv]\npackage = false\n'}, "pyproject.toml", False, False),
        ({"pyproject.toml": "[tool.ruff]\n"}, None, False, False),
        ({"setup.py": "", "pyproject.toml": "[tool.ruff]\n"}, "setup.py", True, True),
        ({"setup.cfg": "[metadata]\nname = x\n"}, "setup.cfg", True, True),
        ({"setup.cfg": "[flake8]\n"}, None, False, False),
        ({"pyproject.toml": "[build-system]\n[tool.poetry]\nname = 'x'\n"}, "pyproject.toml", True, True),
        ({"pyproject.toml": "[build-system]\n[tool.poetry]\npackage-mode = false\n"}, "pyproject.toml", False, True),
        ({"requirements.txt": "x"}, None, False, False),
    ],
)
def test_what_is_installed(
    tmp_path: Path, files: dict[str, str], metadata: str | None, installable: bool, must: bool
) -> None:
    project = read_project(tree(tmp_path, **files))
    assert (project.metadata, project.installable, project.must_install) == (metadata, installable, must)


def test_a_pyproject_that_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(TestSetupError) as caught:
        read_project(tree(tmp_path, **{"pyproject.toml": "[project\n"}))
    assert caught.value.where == "pyproject.toml"


def test_the_words_that_name_the_dependencies(tmp_path: Path) -> None:
    poetry = '[build-system]\n[tool.poetry]\nname = "x"\n[tool.poetry.group.dev.dependencies]\npytest = "*"\n'
    project = read_project(tree(tmp_path, **{"pyproject.toml": poetry, "more.txt": ""}))
    config = TestConfig(extras=("e",), groups=("dev", "test"), requirements=("more.txt",))
    assert compile_words(project, config) == ["pyproject.toml", "--extra", "e", "--group", "test", "more.txt", "-"]
    with pytest.raises(TestSetupError, match="absent"):
        compile_words(project, TestConfig(requirements=("absent.txt",)))


def test_the_files_that_decide_what_is_installed(tmp_path: Path) -> None:
    files = ("pyproject.toml", "uv.lock", "requirements/dev.in", "test-requirements.txt", "README.md", "src/a.py")
    found = dependency_files(tree(tmp_path, **dict.fromkeys(files, "x")))
    assert sorted(found) == ["pyproject.toml", "requirements/dev.in", "test-requirements.txt", "uv.lock"]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"pyproject.toml": PEP621}, ">=3.9,<3.13"),
        ({"setup.cfg": "[options]\npython_requires = >= 3.8\n"}, ">=3.8"),
        ({"setup.py": "setup(python_requires='>=3.7')"}, ">=3.7"),
        ({"pyproject.toml": "[project\n"}, ""),
        ({}, ""),
    ],
)
def test_the_python_that_is_allowed(tmp_path: Path, files: dict[str, str], found: str) -> None:
    assert requires_python(tree(tmp_path, **files)) == found


@pytest.mark.parametrize(
    "files",
    [
        {"pytest.ini": "[pytest]\naddopts = -q --cov\n"},
        {"tox.ini": "[pytest]\naddopts = -q --cov\n"},
        {"setup.cfg": "[tool:pytest]\naddopts =\n  -q\n  --cov\n"},
        {"pyproject.toml": '[tool.pytest.ini_options]\naddopts = ["-q", "--cov"]\n'},
        {"pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-q --cov"\n'},
        {"pyproject.toml": '[tool.pytest]\naddopts = ["-q", "--cov"]\n'},
    ],
)
def test_the_options_of_pytest(tmp_path: Path, files: dict[str, str]) -> None:
    assert " ".join(pytest_options(tree(tmp_path, **files))).split() == ["-q", "--cov"]


def test_settings_that_cannot_be_read_are_no_options(tmp_path: Path) -> None:
    broken = {"pytest.ini": "no section\n", "pyproject.toml": "[tool\n", "setup.cfg": "[a]\n[a]\nx\n"}
    assert "".join(pytest_options(tree(tmp_path, **broken))) == ""


def test_what_is_measured(tmp_path: Path) -> None:
    flat = tree(tmp_path / "a", **{"thing/__init__.py": "", "tests/__init__.py": "", "docs/__init__.py": ""})
    assert source_folders(flat) == ["thing"]
    assert source_folders(tree(tmp_path / "b", **{"src/thing.py": "", "other/__init__.py": ""})) == ["src"]
    assert not has_own_settings(flat)
    assert has_own_settings(tree(tmp_path / "c", **{"pyproject.toml": "[tool.coverage.run]\n"}))
    assert has_own_settings(tree(tmp_path / "d", **{"setup.cfg": "[coverage:run]\n"}))


def events(folder: Path, *lines: object) -> Path:
    path = folder / "events.jsonl"
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return path


def test_a_trace(tmp_path: Path) -> None:
    path = events(
        tmp_path,
        {"event": "collected", "count": 3},
        {"event": "start", "id": "a"},
        {"event": "finish", "id": "a"},
        {"event": "start", "id": "b"},
        {"event": "end", "counter": 3, "xpassed": ["x"], "strict": ["s"], "reruns": ["r", "r"]},
        '{"event": "start", "id": "cut',
    )
    told = {"xpassed": ("x",), "strict": ("s",), "reruns": ("r", "r")}
    assert read_trace(path) == Trace(collected=3, running=("b",), counter=3, **told)


@pytest.mark.parametrize(
    "line", ["[]", "3", "{}", '{"event": "collected"}', '{"event": "collected", "count": "x"}', "[" * 100_000, "\0"]
)
def test_a_trace_that_tests_wrote_into(tmp_path: Path, line: str) -> None:
    assert read_trace(events(tmp_path, {"event": "collected", "count": 3}, line)) == Trace(collected=3)


def test_a_trace_that_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert [read_trace(tmp_path / name) for name in ("fifo", "link", "absent")] == [Trace()] * 3


def row(path: str, valid: int, missing: str) -> dict[str, str]:
    return {"path": path, "lines_valid": str(valid), "missing_lines": missing}


def test_lines_that_any_shard_reached_are_covered() -> None:
    shards = [[row("a", 10, "1-4"), row("b", 5, "1-5")], [row("a", 10, "3-6"), row("b", 5, "1-5")]]
    assert union(shards) == (15, 15 - 2 - 5)
    assert numbers("3,7-9") == {3, 7, 8, 9}
    assert union([]) == (0, 0)

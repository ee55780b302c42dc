"""The rules of the house that no linter holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = ("flows", "tasks", "blocks", "data_checks", "sluice")
MAY_IMPORT = {
    "flows": {"flows", "tasks", "blocks", "data_checks", "sluice"},
    "tasks": {"tasks", "blocks", "data_checks", "sluice"},
    "blocks": {"blocks", "sluice"},
    "data_checks": {"data_checks", "sluice"},
    "sluice": {"sluice"},
}
# The warm process preloads the flows and the command line hands them to Prefect: they are entry points.
ENTRY_POINTS = {
    "sluice/services/warm.py",
    "sluice/services/quick_worker.py",  # is Prefect's worker; only the worker's process imports it and its parts
    "sluice/services/quick_reading.py",
    "sluice/services/quick_executor.py",
    "sluice/services/quick_settings.py",
    "sluice/services/quick_flow.py",  # is a part of Prefect's engine; only the warm process imports it
    "sluice/cli/docs.py",  # shows what data_checks/ said
}
LONG_FILE, LONG_FUNCTION = 250, 40
# Longer than the house allows, each with its reason.
LONG_FILES = {
    "sluice/command.py": "one door: its two functions name all that a call may ask for",
}


def sources(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py")) if "versions" not in path.parts]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


@pytest.mark.parametrize("path", sources(*ROOMS), ids=name)
def test_imports_point_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    if name(path) in ENTRY_POINTS:
        return
    wrong = {module for module in imports(path) if module.split(".")[0] in set(ROOMS) - MAY_IMPORT[room]}
    assert not wrong


@pytest.mark.parametrize("path", sources(*ROOMS), ids=name)
def test_only_the_boundaries_import_great_expectations(path: Path) -> None:
    if path.is_relative_to(ROOT / "data_checks") or name(path) in ENTRY_POINTS:
        return
    assert not [module for module in imports(path) if module.split(".")[0] == "great_expectations"]


@pytest.mark.parametrize("path", sources("sluice"), ids=name)
def test_sluice_is_quick_to_import(path: Path) -> None:
    heavy = {"prefect", "great_expectations", "pandas"}
    if name(path) in ENTRY_POINTS:
        return
    assert not [module for module in imports(path, top_level_only=True) if module.split(".")[0] in heavy]


@pytest.mark.parametrize("path", sources(*ROOMS), ids=name)
def test_one_door_to_subprocess(path: Path) -> None:
    if name(path) == "sluice/command.py":
        return
    assert not [module for module in imports(path) if module.split(".")[0] == "subprocess"]


@pytest.mark.parametrize("path", sources(*ROOMS), ids=name)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONG_FILE or name(path) in LONG_FILES
    long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONG_FUNCTION
    ]
    assert not long or name(path) in LONG_FILES


@pytest.mark.parametrize("path", sources(*ROOMS), ids=name)
def test_no_bare_failures(path: Path) -> None:
    """No `raise Exception`, no broad except without a re-raise."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            assert node.exc.func.id not in ("Exception", "BaseException")
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name):
            broad = node.type.id in ("Exception", "BaseException")
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            allowed = "broad:" in path.read_text().splitlines()[node.lineno - 1]
            assert not broad or raises or allowed, f"line {node.lineno}"


def test_no_utils() -> None:
    assert not [path for path in sources(*ROOMS, "tests") if path.stem in ("utils", "helpers", "common_utils", "misc")]


def test_the_pipeline_reads_as_the_list_of_stages() -> None:
    assert len((ROOT / "flows/pipeline.py").read_text().splitlines()) <= 80


def decorated_tasks() -> list[tuple[Path, ast.FunctionDef, ast.Call]]:
    found = []
    for path in sources("tasks"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            for mark in node.decorator_list:
                target = mark.func if isinstance(mark, ast.Call) else mark
                if isinstance(target, ast.Name) and target.id == "task":
                    assert isinstance(mark, ast.Call), f"{path.name}: a bare @task"
                    found.append((path, node, mark))
    return found


def test_every_task_names_its_cache_policy_and_retries() -> None:
    tasks = decorated_tasks()
    assert len(tasks) >= 8
    for path, node, mark in tasks:
        keywords = {keyword.arg for keyword in mark.keywords}
        assert keywords & {"cache_policy", "cache_key_fn"}, f"{path.name}:{node.name} names no cache policy"
        assert "retries" in keywords, f"{path.name}:{node.name} names no retries"


def test_one_task_a_file_and_it_is_a_shell() -> None:
    tasks = decorated_tasks()
    assert len({path for path, _, _ in tasks}) == len(tasks)
    for path, node, _ in tasks:
        body = [part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))]
        lines = (node.end_lineno or 0) - body[0].lineno + 1
        assert lines <= 15, f"{path.name}:{node.name} has {lines} lines"


def test_no_registry_host_is_named() -> None:
    hosts = re.compile(r"pypi\.(?:org|python)|python" + r"hosted|registry\.npm" + r"js|deb\.debian\." + "org")
    for path in ROOT.rglob("*"):
        ours = not {".venv", ".git", ".sluice", "node_modules"} & set(path.parts)
        if ours and path.is_file() and path.suffix in TEXT:
            assert path == Path(__file__) or not hosts.search(path.read_text(errors="replace")), name(path)


TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".cfg", ".in", ""}

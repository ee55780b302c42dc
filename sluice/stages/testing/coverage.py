"""Coverage of a Python framework's run: by the project's own settings where it has some."""

from __future__ import annotations

import configparser
import contextlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from sluice import command
from sluice.config.model import CoverageConfig
from sluice.stages.testing.environment import Environment
from sluice.stages.testing.job import Job, LineSink, test_environment
from sluice.tools.meter import count

REPORT_SECONDS = 300.0
_NO_SOURCE = re.compile(r"^(?:tests?|testing|docs?|examples?|benchmarks?|bench|scripts?|tools|build|dist|venv|env)$")
_NOT_MEASURED = "tests/*,test/*,*/tests/*,*/test_*.py,test_*.py,*/conftest.py,conftest.py,setup.py,noxfile.py,docs/*"


@dataclass(frozen=True)
class CoveragePlan:
    """How one run is measured.

    Attributes:
        kind: `none`; `run`: by `coverage run`; `plugin`: pytest-cov does it because the project says so; `declared`:
            the command writes a report itself.
        prefix: words after the Python.
        options: more options of pytest.
        report: the file that is read in the end, None when it is made by :func:`make_report`.
    """

    kind: str = "none"
    prefix: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    report: str | None = None


def plan(job: Job) -> CoveragePlan:
    """Decide how the run of `job` is measured."""
    config = job.request.config.coverage
    if not config.enabled:
        return CoveragePlan()
    if job.framework == "command":
        return CoveragePlan(kind="declared", report=config.report) if config.report else CoveragePlan()
    assert job.environment is not None
    if job.framework == "pytest" and _plugin_is_on(job):
        return _by_plugin(job.environment, job)
    words = ["-m", "coverage", "run", "--branch", f"--data-file={data_file(job)}", *_scope(config, job.tree)]
    return CoveragePlan(kind="run", prefix=tuple(words))


def data_file(job: Job) -> Path:
    """Return where the measurements go."""
    return job.out / "coverage.data"


def _plugin_is_on(job: Job) -> bool:
    """Tell whether the project's pytest options start pytest-cov: two measurements at once would spoil both."""
    versions = job.environment.versions if job.environment else {}
    if "pytest-cov" not in versions:
        return False
    if "pytest-enabler" in versions:  # adds `--cov` by itself
        return True
    config = job.request.config
    return "--cov" in " ".join([*pytest_options(job.tree), *config.args, config.env.get("PYTEST_ADDOPTS", "")])


def _by_plugin(environment: Environment, job: Job) -> CoveragePlan:
    version = tuple(int(word) for word in re.findall(r"\d+", environment.versions["pytest-cov"])[:2])
    kind = "json" if version >= (4, 1) else "xml"
    report = job.out / f"coverage.{kind}"
    # The project's own reports and its own gate stay as they are.
    return CoveragePlan(kind="plugin", options=(f"--cov-report={kind}:{report}",), report=report.name)


def pytest_options(tree: Path) -> list[str]:
    """Return the `addopts` of the project, from whichever file pytest reads them."""
    found: list[str] = []
    for name, section in (
        ("pytest.ini", "pytest"),
        (".pytest.ini", "pytest"),
        ("tox.ini", "pytest"),
        ("setup.cfg", "tool:pytest"),
    ):
        parser = configparser.RawConfigParser(strict=False)
        with contextlib.suppress(configparser.Error, UnicodeDecodeError):
            parser.read(tree / name, encoding="utf-8")
            found.append(parser.get(section, "addopts", fallback=""))
    tool = _toml(tree / "pyproject.toml").get("tool", {})
    table = tool.get("pytest", {}) if isinstance(tool, dict) else {}
    tables = (table.get("ini_options", {}).get("addopts", ""), table.get("addopts", ""))
    return [*found, *(" ".join(options) if isinstance(options, list) else str(options) for options in tables)]


def _toml(path: Path) -> dict[str, object] | dict[str, dict[str, dict[str, dict[str, object]]]]:
    with contextlib.suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return tomllib.loads(path.read_text(encoding="utf-8"))
    return {}


def has_own_settings(tree: Path) -> bool:
    """Tell whether the project says itself what is measured."""
    text = "\n".join(
        path.read_text(encoding="utf-8", errors="replace")
        for name in (".coveragerc", "setup.cfg", "tox.ini", "pyproject.toml")
        if (path := tree / name).is_file()
    )
    return (tree / ".coveragerc").is_file() or bool(re.search(r"^\[(?:coverage:|tool\.coverage[.\]])", text, re.M))


def _scope(config: CoverageConfig, tree: Path) -> list[str]:
    """Return the options that say what is measured."""
    if config.source:
        return [f"--source={','.join(config.source)}"]
    if has_own_settings(tree):
        return []
    packages = source_folders(tree)
    return [f"--source={','.join(packages)}"] if packages else ["--source=.", f"--omit={_NOT_MEASURED}"]


def source_folders(tree: Path) -> list[str]:
    """Return the folders of the project's own code: `src`, or its packages; none for loose modules."""
    if any((tree / "src").rglob("*.py")):
        return ["src"]
    return sorted(path.parent.name for path in tree.glob("*/__init__.py") if not _NO_SOURCE.match(path.parent.name))


def make_report(job: Job, plan: CoveragePlan, log: LineSink) -> str | None:
    """Turn measurements into a JSON report in `job.out`; return its name, None when nothing was measured."""
    if plan.kind != "run":
        return plan.report
    data = data_file(job)
    parts = sorted(data.parent.glob(f"{data.name}.*"))
    if parts:  # the project asks for one file a process
        _coverage(job, ["combine", "--keep", f"--data-file={data}", *map(str, parts)], log)
    if not data.is_file():
        return None
    report = job.out / "coverage.json"
    # Code that was made at run time has no source to show; it must not hide what has.
    _coverage(
        job, ["json", "--quiet", "--ignore-errors", f"--data-file={data}", "-o", str(report), "--fail-under=0"], log
    )
    return report.name


def _coverage(job: Job, words: list[str], log: LineSink) -> None:
    done = command.run(
        [job.python, "-m", "coverage", *words],
        cwd=job.tree,
        env=test_environment(job),
        timeout=REPORT_SECONDS,
        accept=None,
        log=log,
        merge=True,
    )
    count("coverage", done)

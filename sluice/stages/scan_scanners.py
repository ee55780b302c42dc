"""All scanners at once; one that breaks says so and takes nothing of the others with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from sluice import command
from sluice.config.model import ScanConfig
from sluice.errors import CommandError, ToolMissingError
from sluice.findings.report import ScannerReportError
from sluice.findings.seen import Seen, failed, not_run
from sluice.settings import Home
from sluice.stages.scan_content import Content
from sluice.stages.workplace import Workplace, now
from sluice.tools import bandit, hadolint, programs, trivy, trivy_database

MISSING = "not on this machine"
VERSIONS = {trivy.NAME: trivy.VERSION, bandit.NAME: bandit.VERSION, hadolint.NAME: hadolint.VERSION}


def run_all(content: Content, config: ScanConfig, trivy_db: str | None, place: Workplace) -> tuple[Seen, ...]:
    """Run the scanners that the project declares, in parallel; return one result each, in the declared order."""
    scanners: dict[str, Callable[[], Seen]] = {
        trivy.NAME: lambda: _trivy(content, config, trivy_db, place),
        bandit.NAME: lambda: _bandit(content, config, place),
        hadolint.NAME: lambda: _hadolint(content, config, place),
    }
    with ThreadPoolExecutor(max_workers=len(scanners), thread_name_prefix="scan") as pool:
        running = [pool.submit(_outcome, name, scanners[name]) for name in config.scanners]
        try:
            return tuple(future.result() for future in running)
        except BaseException:  # a signal or Ctrl-C: the threads wait for the programs, so the programs are ended
            _end_those_in(place.workspace)
            raise


def version_of(name: str, home: Home) -> str:
    """Return a scanner's version as it goes into the cache key; `missing` when it is not on this machine."""
    try:
        return programs.version(programs.find(name), VERSIONS[name], home.cache)
    except ToolMissingError:
        return "missing"


def _outcome(name: str, scan: Callable[[], Seen]) -> Seen:
    try:
        return scan()
    except ToolMissingError as error:
        return not_run(name, f"{MISSING}: {error.message}")
    except (CommandError, ScannerReportError) as error:
        found = f": {error.found}" if error.found else ""
        return failed(name, f"{error.message}{found}")


def _program(name: str, place: Workplace) -> tuple[Path, str]:
    program = programs.find(name)
    return program, programs.version(program, VERSIONS[name], place.home.cache)


def _trivy(content: Content, config: ScanConfig, trivy_db: str | None, place: Workplace) -> Seen:
    program, version = _program(trivy.NAME, place)
    database = trivy_database.prepare(trivy_db, place.home.cache / "trivy", program, now(), place.log)
    return trivy.scan(program, version, content.root, content.scratch, database, config.timeout, place.log)


def _bandit(content: Content, config: ScanConfig, place: Workplace) -> Seen:
    if not content.python:
        return not_run(bandit.NAME, "there is no Python file outside the tests")
    program, version = _program(bandit.NAME, place)
    return bandit.scan(program, version, content.source, content.python, config.timeout, place.log)


def _hadolint(content: Content, config: ScanConfig, place: Workplace) -> Seen:
    if not content.dockerfiles:
        return not_run(hadolint.NAME, "there is no Dockerfile")
    program, version = _program(hadolint.NAME, place)
    files = content.dockerfiles
    return hadolint.scan(program, version, content.source, content.scratch, files, config.timeout, place.log)


def _end_those_in(workspace: Path) -> None:
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if Path(child.cwd()).is_relative_to(workspace):
                command.end_tree(child.pid, grace=2.0)

"""All scanners at once; one that breaks says so and takes nothing of the others with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil

from sluice.config.model import ScanConfig
from sluice.errors import CommandError, InfrastructureError, ToolMissingError
from sluice.findings.seen import Seen, failed, not_run
from sluice.process_tree import end_tree
from sluice.settings import Home
from sluice.stages.scan_content import Content
from sluice.stages.workplace import Workplace, now
from sluice.tools import bandit, hadolint, programs, trivy, trivy_database
from sluice.tools.scan_job import Job

MISSING = "not on this machine"
VERSIONS = {trivy.NAME: trivy.VERSION, bandit.NAME: bandit.VERSION, hadolint.NAME: hadolint.VERSION}


def run_all(
    content: Content, config: ScanConfig, trivy_db: str | None, place: Workplace, subject: str = ""
) -> tuple[Seen, ...]:
    """Run the scanners that the project declares, in parallel; return one result each, in the declared order."""
    job = partial(job_for, place=place, scratch=content.scratch, timeout=config.timeout, subject=subject)
    scanners: dict[str, Callable[[], Seen]] = {
        trivy.NAME: lambda: _trivy(job, content, trivy_db, place),
        bandit.NAME: lambda: _bandit(job, content),
        hadolint.NAME: lambda: _hadolint(job, content),
    }
    with ThreadPoolExecutor(max_workers=len(scanners), thread_name_prefix="scan") as pool:
        running = [pool.submit(_outcome, name, scanners[name]) for name in config.scanners]
        try:
            return tuple(future.result() for future in running)
        except BaseException:  # a signal or Ctrl-C: the threads wait for the programs, so the programs are ended
            _end_those_in(place.workspace)
            raise


def version_of(name: str, home: Home) -> str:
    """Return a scanner's version as it goes into the cache key; `missing` or `broken` when it does not say."""
    try:
        return programs.version(programs.find(name), VERSIONS[name], home.cache)
    except ToolMissingError:
        return "missing"
    except (CommandError, InfrastructureError):
        return "broken"


def _outcome(name: str, scan: Callable[[], Seen]) -> Seen:
    try:
        return scan()
    except ToolMissingError as error:
        return not_run(name, f"{MISSING}: {error.message}")
    except (CommandError, InfrastructureError) as error:  # a broken report among them
        found = f": {error.found}" if error.found else ""
        return failed(name, f"{error.message}{found}")


def job_for(name: str, root: Path, place: Workplace, scratch: Path, timeout: float, subject: str) -> Job:
    """Return what a scanner is told; ToolMissingError when it is not on this machine."""
    program = programs.find(name)
    version = programs.version(program, VERSIONS[name], place.home.cache)
    return Job(program, version, root, scratch, place.home.cache, timeout, place.log, subject)


def _trivy(job: Callable[[str, Path], Job], content: Content, trivy_db: str | None, place: Workplace) -> Seen:
    mine = job(trivy.NAME, content.root)
    database = trivy_database.prepare(trivy_db, place.home.cache / "trivy", mine.program, now(), place.log)
    return trivy.scan(mine, database)


def _bandit(job: Callable[[str, Path], Job], content: Content) -> Seen:
    if not content.python:
        return not_run(bandit.NAME, "there is no Python file outside the tests")
    return bandit.scan(job(bandit.NAME, content.source), content.python)


def _hadolint(job: Callable[[str, Path], Job], content: Content) -> Seen:
    if not content.dockerfiles:
        return not_run(hadolint.NAME, "there is no Dockerfile")
    return hadolint.scan(job(hadolint.NAME, content.source), content.dockerfiles)


def _end_those_in(workspace: Path) -> None:
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if Path(child.cwd()).is_relative_to(workspace):
                end_tree(child.pid, grace=2.0)

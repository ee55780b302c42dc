"""What the flow knows of each stage: its task, its boundary and the error that a true, bad result becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prefect.tasks import Task

from sluice.artifacts import ArtifactStore
from sluice.errors import (
    BuildFailedError,
    DeployFailedError,
    FindingsError,
    InfrastructureError,
    SluiceError,
    SmokeFailedError,
    TestsRedError,
)
from sluice.records.build import BuildRecord
from sluice.records.checkout import CheckoutRecord
from sluice.records.testing import TestRecord
from sluice.settings import current_settings
from sluice.stages.testing import merge
from sluice.states import StageName
from tasks.build import build
from tasks.checkout import checkout
from tasks.deploy import deploy
from tasks.rollback import rollback
from tasks.run_tests import run_tests
from tasks.scan import scan
from tasks.smoke import smoke


@dataclass(frozen=True)
class Stage:
    """One of the seven stages."""

    name: StageName
    task: Task[..., Any]
    bad: type[SluiceError]
    next_step: str
    merge: Callable[[Sequence[Any], str], Any] | None = None
    establishes: Callable[[Any], dict[str, Any]] = lambda _record: {}


def _cells(records: Sequence[TestRecord], run_id: str) -> TestRecord:
    """Merge the cells; as soon as one of them really ran, the record is this run's own.

    A reused cell may have been made for another commit with the same content: the record is of the newest.
    """
    commit = next((record.commit for record in records if record.run_id == run_id), records[0].commit)
    same = [record.model_copy(update={"commit": commit}) for record in records]
    merged = merge(same, ArtifactStore(current_settings().home.artifacts))  # shards share one coverage
    fresh = any(record.run_id == run_id for record in records)
    return merged.model_copy(update={"run_id": run_id}) if fresh else merged


def _source(record: CheckoutRecord) -> dict[str, Any]:
    return {"commit": record.source.commit, "tree": record.source.tree, "committed_at": record.source.committed_at}


def _tested(record: TestRecord) -> dict[str, Any]:
    found = {each.environment.get("python", "") for each in record.executions}
    return {"tested_pythons": tuple(sorted(found - {""}))}


def _release(record: BuildRecord) -> dict[str, Any]:
    return {"release_digest": record.release.digest, "lock_packages": record.lock_packages}


CHECKOUT = Stage(
    StageName.CHECKOUT, checkout, InfrastructureError, "Look at `sluice logs {run} checkout`.", None, _source
)
TEST = Stage(
    StageName.TEST, run_tests, TestsRedError, "Mend the tests; `sluice report {run}` shows each.", _cells, _tested
)
BUILD = Stage(StageName.BUILD, build, BuildFailedError, "Look at `sluice logs {run} build`.", None, _release)
SCAN = Stage(StageName.SCAN, scan, FindingsError, "Mend them, or accept one with a waiver in sluice.yaml.")
DEPLOY = Stage(StageName.DEPLOY, deploy, DeployFailedError, "The old release still serves; `sluice logs {run} deploy`.")
SMOKE = Stage(StageName.SMOKE, smoke, SmokeFailedError, "`sluice report {run}` shows expected and observed.")
ROLLBACK = Stage(
    StageName.ROLLBACK, rollback, SmokeFailedError, "Deploy a good commit: there is nothing to go back to."
)

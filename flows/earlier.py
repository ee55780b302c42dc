"""The run that this one resumes: its pinned inputs, and its accepted results in place of work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from sluice.artifacts import ArtifactStore
from sluice.config.model import Config
from sluice.config.plan import Plan
from sluice.database import database
from sluice.errors import UsageError
from sluice.records.build import BuildRecord
from sluice.records.checkout import CheckoutRecord, RefKind, ResolvedRef
from sluice.records.common import StageRecord
from sluice.records.request import PipelineRequest
from sluice.records.scan import ScanRecord
from sluice.records.testing import TestExecution, TestRecord, TestRequest
from sluice.settings import Home
from sluice.stages.testing import remains
from sluice.states import StageName
from sluice.store.ingest.evidence import files_of
from sluice.store.pinned import Pinned, pinned
from sluice.store.resumption import refuse
from sluice.tools import git

# What acts on an environment is done again: nobody knows what happened there since.
REUSED: dict[StageName, type[StageRecord]] = {
    StageName.CHECKOUT: CheckoutRecord,
    StageName.TEST: TestRecord,
    StageName.BUILD: BuildRecord,
    StageName.SCAN: ScanRecord,
}
ORDER = list(StageName)
LineSink = Callable[[str], None]


@dataclass(frozen=True)
class Earlier:
    """The resumed run; `again`: the first stage that is not taken from it whatever became of it."""

    run: Pinned
    again: StageName | None
    failed_tests: bool = False
    standing: list[TestExecution] = field(default_factory=list)

    def repeats(self, stage: StageName) -> bool:
        """Tell whether this stage was asked to run again."""
        if self.failed_tests and stage is StageName.TEST:
            return True
        return self.again is not None and ORDER.index(stage) >= ORDER.index(self.again)

    def accepted(self, stage: StageName, artifacts: ArtifactStore) -> StageRecord | None:
        """Return the good record of a stage; None when it has to run, also when its files are gone."""
        if stage not in REUSED or stage not in self.run.accepted or self.repeats(stage):
            return None
        record = self.record(stage)
        present = record is not None and all(artifacts.path(ref.sha256).is_file() for ref in files_of(record))
        return record if present else None

    def record(self, stage: StageName) -> StageRecord | None:
        """Return what a stage handed over; None when it did not, or wrote it in a form of another Sluice."""
        try:
            return REUSED[stage].model_validate(self.run.records[stage]) if stage in self.run.records else None
        except ValidationError:
            return None

    def only_red(self, requests: Sequence[TestRequest], artifacts: ArtifactStore, log: LineSink) -> list[TestRequest]:
        """Return what has to run so that each test is green, in the resumed run or now; `standing` is the rest."""
        record = self.record(StageName.TEST)
        if not isinstance(record, TestRecord):
            return list(requests)
        found = remains(record, self.run.run_id, requests, artifacts)
        self.standing.extend(found.standing)
        for note in found.notes:
            log(note)
        return found.requests

    def joined(self, record: TestRecord) -> TestRecord:
        """Return the record of the tests that ran, with the executions that stand before them."""
        if not self.standing:
            return record
        executions = (*self.standing, *record.executions)
        started = min(each.started_at for each in executions)
        update = {"executions": executions, "standing": len(self.standing), "started_at": started}
        return record.model_copy(update=update)

    def resolved(self, home: Home) -> ResolvedRef:
        """Return the ref as the run resolved it, whatever it points at now.

        Raises:
            UsageError: `REF_UNKNOWN`: the mirror was cleaned up since, and the repository has the commit no longer.
        """
        run, done = self.run, self.record(StageName.CHECKOUT)
        assert run.commit is not None  # a run without one is refused
        assert run.ref_kind is not None
        asked = {"requested": run.requested_ref, "kind": RefKind(run.ref_kind), "name": run.ref_name}
        if not isinstance(done, CheckoutRecord) or not _mirrored(done):
            return git.resolve(run.repository, run.commit, home, log=None).model_copy(update=asked)
        known = {"repository": done.repository, "mirror": done.source.mirror, "default_branch": done.default_branch}
        return ResolvedRef.model_validate({**asked, **known, "commit": run.commit})

    @property
    def config(self) -> Config | None:
        """Return the configuration that was in effect; None when the run did not come to read it."""
        return None if self.run.config is None else Config.model_validate(self.run.config, by_name=True)

    @property
    def plan(self) -> Plan | None:
        """Return the plan of the run; None when it did not come to make one."""
        return None if self.run.plan is None else Plan.model_validate(self.run.plan)


def _mirrored(done: CheckoutRecord) -> bool:
    """Tell whether the mirror that a checkout used still has its commit: a clean-up may have taken it."""
    mirror = Path(done.source.mirror)
    return mirror.is_dir() and git.has_object(mirror, done.source.commit)


def earlier(request: PipelineRequest) -> Earlier | None:
    """Return the run that `request` resumes; None when it resumes none.

    Raises:
        UsageError: `RUN_UNKNOWN`, or why it cannot be resumed.
    """
    if request.resumes is None:
        return None
    run = pinned(database(), request.resumes)
    if run is None:
        raise UsageError("there is no run to resume", code="RUN_UNKNOWN", found=request.resumes)
    refuse(run, request.from_stage, failed_tests=request.failed_tests)
    return Earlier(run, request.from_stage, request.failed_tests)

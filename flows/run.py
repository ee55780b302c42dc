"""One run on its way: every stage goes through its boundary here, and every run ends in one terminal state."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Failed

from data_checks.facts import BoundaryFacts, CheckWaiver
from flows.earlier import Earlier
from flows.patience import be_patient
from flows.stage import Stage
from flows.stopping import Beat, be_stoppable, stop_myself
from flows.summary import summarise
from sluice.artifacts import ArtifactStore
from sluice.config.model import Config
from sluice.database import database
from sluice.errors import CancelledRunError, Exit, SluiceError
from sluice.logs.shipper import LogShipper
from sluice.records.checkout import ResolvedRef
from sluice.records.common import StageContext, StageRecord
from sluice.records.history import History
from sluice.records.request import PipelineRequest, RollbackOrder
from sluice.records.testing import TestRecord
from sluice.settings import Home, current_settings
from sluice.stages.workplace import now
from sluice.states import RunState, StageName, StageState
from sluice.store.baselines import read_history
from sluice.store.leases import Heartbeat
from sluice.store.runs import RunStore, RunTakenError
from sluice.tally import TALLY
from tasks.aside import aside, settle
from tasks.boundary import Attempt, judge
from tasks.verdict import outcome

R = TypeVar("R", bound=StageRecord)

STATES = {
    Exit.CONTRACT_REJECTED: RunState.REJECTED,
    Exit.ROLLED_BACK: RunState.ROLLED_BACK,
    Exit.CANCELLED: RunState.CANCELLED,
    Exit.INFRASTRUCTURE: RunState.ERRORED,
    Exit.BUG: RunState.ERRORED,
}


class Run:
    """A pipeline or rollback run. Facts that accepted records establish are kept for the next boundaries."""

    def __init__(self, run_id: str, project: str, *, fresh: bool = False) -> None:
        self.id = run_id
        self.project = project
        self.fresh = fresh
        self.settings = current_settings()
        self.home: Home = self.settings.home
        self.store = RunStore(database())
        self.facts: dict[str, Any] = {
            "database_configured": self.settings.trivy_db is not None,
            "database_max_age_days": self.settings.trivy_db_max_age_days,
        }
        self.branch = self.default_branch = ""
        self.earlier: Earlier | None = None
        self.anew: set[StageName] = set()  # stages that reuse nothing: their boundary has to look
        self.logs = LogShipper(database(), self.id, self.home.run_logs(self.id))
        self._attempts: dict[StageName, str] = {}

    @classmethod
    def of_pipeline(cls, request: PipelineRequest) -> Run:
        """Open the row of a pipeline run; the command line may have opened it before."""
        run = cls(request.run_id or str(flow_run.id), request.project, fresh=request.fresh)
        run.store.open_run(run.id, **request.row())
        return run

    @classmethod
    def of_rollback(cls, order: RollbackOrder) -> Run:
        """Open the row of a rollback that somebody ordered."""
        run = cls(order.run_id or str(flow_run.id), order.project)
        run.store.open_run(run.id, **order.row())
        return run

    def is_about(self, resolved: ResolvedRef, config: Config) -> None:
        """Say which commit of which project this run takes through the stages."""
        self.project = config.project or self.project
        self.waive(config)
        known = {"commit": resolved.commit, "ref_kind": resolved.kind, "ref_name": resolved.name}
        self.store.set_commit(self.id, **known, project=self.project)
        self.facts["commit"] = resolved.commit
        self.branch, self.default_branch = resolved.name, resolved.default_branch
        if flow_run.id:
            aside(partial(_rename, UUID(str(flow_run.id)), f"{self.project} {resolved.name} {resolved.commit[:10]}"))

    def waive(self, config: Config) -> None:
        """Take over the waivers that the project declares."""
        self.facts["waivers"] = tuple(CheckWaiver.model_validate(waiver.model_dump()) for waiver in config.waivers)

    def history(self) -> History:
        """Return what is usual on the run's branch."""
        return read_history(database(), self.project, self.branch, self.default_branch)

    def durations(self) -> dict[str, float]:
        """Return the last accepted seconds of each test of this project."""
        from sluice.store.read import Reader

        return Reader(database()).durations(self.project)

    def log(self, line: str) -> None:
        """Append a line to the run's own log."""
        folder = self.home.run_logs(self.id)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "run.log").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def end(self, state: RunState, reason: str, exit_code: int) -> None:
        """Write how the run ended, once what its stages printed is stored."""
        self.logs.store()
        self.store.finish_run(self.id, state, reason, exit_code)

    def context(self, stage: Stage) -> StageContext:
        """Return where a stage of this run works."""
        fresh = self.fresh or stage.name in self.anew or (self.earlier is not None and self.earlier.repeats(stage.name))
        home = str(self.home.root)
        return StageContext(run_id=self.id, project=self.project, stage=stage.name, home=home, fresh=fresh)

    def through(self, stage: Stage, *requests: Any, **facts: Any) -> Any:
        """Run one stage and take its record through its boundary; return the accepted record.

        Several requests are the cells of a matrix, mapped and merged into one record. A fact may be a function of it.

        Raises:
            ContractRejectedError: the boundary did not believe the record.
            SluiceError: `stage.bad` when the record is true and bad; whatever the stage raised.
        """
        self._attempts[stage.name] = attempt_id = self.store.start_stage(self.id, stage.name)
        try:
            record, cells = self._taken_up(stage) or self._joined(*self._work(stage, requests))
        except SluiceError as error:
            world = error.exit_code in (Exit.INFRASTRUCTURE, Exit.BUG)
            self.logs.flush(stage.name)
            self.store.fail_stage(attempt_id, StageState.ERRORED if world else StageState.FAILED, str(error))
            raise
        self._pass(stage, record, {**self.facts, **facts}, cells)
        self.facts |= stage.establishes(record)
        if not record.passed:
            raise stage.bad(
                record.reason, where=f"stage {stage.name}", next_step=stage.next_step.format(run=self.id[:8])
            )
        return record

    def amend(self, stage: Stage, record: StageRecord, **facts: Any) -> None:
        """Write what became of an accepted record later (a candidate that serves now) through the same boundary."""
        self._pass(stage, record, {**self.facts, **facts})

    def _taken_up(self, stage: Stage) -> tuple[Any, tuple[Any, ...]] | None:
        """Return the record of the run that this one resumes; None when the stage has to run."""
        found = self.earlier and self.earlier.accepted(stage.name, ArtifactStore(self.home.artifacts))
        return (found, ()) if found else None

    def _joined(
        self, record: StageRecord, cells: tuple[StageRecord, ...]
    ) -> tuple[StageRecord, tuple[StageRecord, ...]]:
        """Return the record with what stands of the run that this one resumes; the cells are what really ran."""
        if self.earlier is None or not self.earlier.standing or not isinstance(record, TestRecord):
            return record, cells
        return self.earlier.joined(record), cells or (record,)

    def _work(self, stage: Stage, requests: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        """Return the stage's record, and the records of the cells that it was merged from."""
        context = self.context(stage)
        work: Any = stage.task  # Prefect's overloads see a coroutine in a task that may return a state
        if len(requests) == 1:
            return outcome(work(requests[0], context, return_state=True)), ()
        futures = [work.submit(request, context) for request in requests]
        for future in futures:
            future.wait()
        cells = tuple(outcome(future.state) for future in futures)
        assert stage.merge is not None
        return stage.merge(cells, self.id), cells

    def _pass(
        self, stage: Stage, record: StageRecord, facts: dict[str, Any], cells: tuple[StageRecord, ...] = ()
    ) -> None:
        attempt = Attempt(stage_run_id=self._attempts[stage.name], run_id=self.id)
        told = {name: fact(record) if callable(fact) else fact for name, fact in facts.items()}
        held_against = BoundaryFacts(run_id=self.id, now=now(), history=self.history(), **told)
        self.logs.flush(stage.name)  # the boundary ends the stage's row
        judge(record, self.context(stage), attempt, held_against, cells)


@contextmanager
def open_run(run: Run) -> Iterator[Run]:
    """Hold the run's lease while it works, and end it in one terminal state however the block ends."""
    os.environ["SLUICE_RUN_ID"] = run.id  # left-over processes of a dead run are found by it
    be_stoppable()
    heartbeat: Heartbeat | None = None
    try:
        owner = f"{os.uname().nodename}:{os.getpid()}"
        beat = Beat(run.store, run.id, run.store.start_run(run.id, prefect_flow_run_id=flow_run.id, owner=owner))
        beat.first()
        heartbeat = Heartbeat(beat, stop_myself).start()
        run.logs.start()
        yield run
    except RunTakenError:
        raise  # it goes on elsewhere: its end is not ours to write
    except SluiceError as error:
        run.end(STATES.get(error.exit_code, RunState.FAILED), str(error), int(error.exit_code))
        raise
    except (Exception, SystemExit) as error:
        run.end(RunState.ERRORED, f"BUG: {type(error).__name__}: {error}", int(Exit.BUG))
        raise
    except BaseException:
        run.end(RunState.CANCELLED, "CANCELLED: the run was stopped", int(Exit.CANCELLED))
        raise
    else:
        run.end(RunState.PASSED, "", int(Exit.GREEN))
    finally:
        if heartbeat is not None:
            heartbeat.close()
            run.logs.close()
        shutil.rmtree(run.home.workspaces / run.id, ignore_errors=True)
        with suppress(OSError):  # a full disk has told its own error by now
            run.log(f"{TALLY.starts} starts of outside programs, {TALLY.seconds:.3f} s in them")
        summarise(run.id)
        for failure in settle():
            run.log(f"not shown in the Prefect UI: {failure}")


def _rename(flow_run_id: UUID, name: str) -> None:
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run_id, name=name)


def end_flow(work: Callable[[], None]) -> State[Any] | None:
    """Run a flow's body; turn its error into the flow's state, without a traceback."""
    be_patient()
    try:
        work()
    except CancelledRunError as error:
        return Cancelled(message=str(error))
    except SluiceError as error:
        return Failed(message=str(error))
    return None

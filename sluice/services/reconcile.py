"""Settling what a crash left open: runs whose lease ran out, and flow runs that Prefect still takes for alive."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil

from sluice.errors import SluiceError, TransientError
from sluice.services.addresses import load
from sluice.settings import Settings
from sluice.tools.prefect_api import PrefectApi
from sluice.used import last_used

if TYPE_CHECKING:
    from sluice.store.runs import ActiveRun

ROLL_UP_SECONDS = 20.0  # of one round; what is left is rolled up by the next
PENDING_SECONDS = 120.0  # a flow run that was taken by a worker and never began
DAY = 86400.0
MARK = "SLUICE_RUN_ID"
WHY = "WORKER_LOST: its process died without a word. What it had not finished was not done; run again."


def reconcile(settings: Settings, pending_seconds: float = PENDING_SECONDS) -> tuple[str, ...]:
    """Settle dead runs once; return the ids of those that were lost.

    A run is dead when its lease has run out by the database's clock: its state becomes `lost`, Prefect's state of it
    `Crashed` (which frees its concurrency slot), its left-over processes end, its workspaces go. A flow run that a
    worker took more than `pending_seconds` ago and that never began is `Crashed` too. An environment that such a run
    left in the middle of a deploy or rollback is settled.
    """
    api = PrefectApi(load(settings))
    lost = _lost_runs()
    for run in lost:
        end_processes_of(run.run_id)
        _store_logs(settings, run.run_id)
        shutil.rmtree(settings.home.workspaces / run.run_id, ignore_errors=True)
        if run.prefect_flow_run_id:
            _crash(api, run.prefect_flow_run_id, WHY)
    _sweep(settings)
    _settle_environments(settings)
    _crash_never_begun(api, pending_seconds)
    _clean_daily(settings)
    _keep_months(settings)
    return tuple(run.run_id for run in lost)


def _lost_runs() -> tuple[ActiveRun, ...]:
    from sluice.database import database
    from sluice.store.runs import RunStore

    store = RunStore(database())
    lost = []
    for run in store.expired_runs():
        if store.mark_lost(run.run_id, WHY):
            sys.stderr.write(f"run {run.run_id} was lost\n")
            lost.append(run)
    return tuple(lost)


def _store_logs(settings: Settings, run_id: str) -> None:
    """Store what a killed run had printed and not stored."""
    from sluice.database import database
    from sluice.logs.shipper import LogShipper

    LogShipper(database(), run_id, settings.home.run_logs(run_id)).close()


def _sweep(settings: Settings) -> None:
    """Remove the workspaces of runs that somebody else ended: their flow was killed, and its follower saw it."""
    from sluice.database import database
    from sluice.store.runs import RunStore

    folders = {folder.name: folder for folder in settings.home.workspaces.iterdir()}
    for run_id in RunStore(database()).ended(folders) if folders else ():
        _store_logs(settings, run_id)
        shutil.rmtree(folders[run_id], ignore_errors=True)


def _clean_daily(settings: Settings) -> None:
    """Clean up once a day, by the time of a file; a clean-up that was cut short comes again."""
    from sluice.database import database
    from sluice.services.clean import CleanUp
    from sluice.store.needed import needed

    last = settings.home.cache / "cleaned"
    if not settings.clean_after_days or (last.exists() and time.time() - last_used(last) < DAY):
        return
    freed = CleanUp(settings.home, needed(database()), settings.clean_after_days * DAY).run()
    told = ", ".join(f"{part.part} {part.things}" for part in freed if part.things)
    if told:
        sys.stderr.write(f"cleaned: {told}; {sum(part.size for part in freed) >> 20} MiB\n")
    last.touch()


def _keep_months(settings: Settings) -> None:
    """Make the months ahead, roll up new results, drop old months: two short looks when there is nothing to do."""
    from sluice.database import database
    from sluice.store.months import drop_old_months, make_months
    from sluice.store.rollups import roll_up

    engine = database()
    make_months(engine)
    with contextlib.suppress(TransientError):  # a long question holds a month: the next round tries again
        roll_up(engine, seconds=ROLL_UP_SECONDS)
        drop_old_months(engine, settings.keep_days, "sluice")


def _settle_environments(settings: Settings) -> None:
    """Settle what dead runs left open; what cannot be settled now is said, and tried again by the next round."""
    from sluice.database import database
    from sluice.store.journal import Journal

    for project, environment in Journal(database()).unsettled():
        from sluice.stages.deploy import open_world, settle  # only who has something to settle waits for its import

        try:
            settle(open_world(settings), project, environment, run_id=str(uuid4()), log=_tell)
        except SluiceError as error:
            _tell(f"{project} {environment} is not settled: {error}")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def end_processes_of(run_id: str) -> int:
    """KILL the processes of this machine that carry the run's id in their environment; return how many."""
    killed = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == run_id:
                process.kill()
                killed += 1
    return killed


def _crash_never_begun(api: PrefectApi, seconds: float) -> None:
    """Settle flow runs that were killed between being taken and their first line: no row of ours knows them."""
    before = datetime.now(UTC) - timedelta(seconds=seconds)
    for run in api.flow_runs(["PENDING"], expected_before=before):
        _crash(api, run.id, f"it did not begin within {seconds:g} s")


def _crash(api: PrefectApi, flow_run_id: str, why: str) -> None:
    with contextlib.suppress(TransientError):  # the next round tries again: Prefect's state is read anew
        run = api.flow_run(flow_run_id)
        if run is not None and not run.ended:
            api.set_state(flow_run_id, "CRASHED", why, force=True)

"""A run as the command line watches it: our rows are the truth, Prefect tells when nobody is left to write them."""

from __future__ import annotations

import getpass
import time

from sluice.cli.ending import show_end
from sluice.cli.follow import follow
from sluice.cli.screen import err
from sluice.database import database
from sluice.errors import Exit, SluiceError, TransientError
from sluice.settings import current_settings
from sluice.states import RunState
from sluice.store.read import Reader, RunView
from sluice.store.runs import RunStore
from sluice.tools.prefect_api import FlowRun, PrefectApi, PrefectDownError

ASK_PREFECT_SECONDS = 2.0
AWAY_SECONDS = 90.0  # Postgres restarts in seconds, and replays its log after a crash
GRACE_SECONDS = 6.0  # a flow that ends writes its row before Prefect hears of it; a dead one never does

ENDINGS = {
    "CANCELLED": (RunState.CANCELLED, Exit.CANCELLED, "CANCELLED: the run was stopped"),
    "CRASHED": (RunState.LOST, Exit.INFRASTRUCTURE, "WORKER_LOST: the process that worked on the run died"),
    "FAILED": (RunState.ERRORED, Exit.INFRASTRUCTURE, "FLOW_FAILED: the flow failed before it could say why"),
    "COMPLETED": (RunState.ERRORED, Exit.INFRASTRUCTURE, "FLOW_FAILED: the flow ended without a result"),
}


class Watch:
    """Returns the run's view at each call; ends the row of a run whose flow is dead."""

    def __init__(self, api: PrefectApi, run_id: str, flow_run_id: str) -> None:
        self._api = api
        self._patience = current_settings().prefect_patience
        self._reader = Reader(database())
        self._run_id = run_id
        self._flow_run_id = flow_run_id
        self._asked = self._seen = time.monotonic()
        self._dead_since: float | None = None
        self._silent_since: float | None = None
        self._mark: str | None = None
        self._known: RunView | None = None

    def __call__(self) -> RunView | None:
        """Return the run as it stands; None while Postgres is away for a moment.

        Raises:
            TransientError: it has been away for longer than a restart takes.
        """
        view = self._view()
        if view is not None and RunState(view.state).terminal:
            return view
        if time.monotonic() - self._asked > ASK_PREFECT_SECONDS:
            self._asked = time.monotonic()
            self._settle(begun=view is None or view.state != RunState.QUEUED)
        return view

    def _view(self) -> RunView | None:
        try:
            mark = self._reader.mark(self._run_id)
            if mark != self._mark:  # taken before the view, which may thus be newer, and is read once more then
                self._known, self._mark = self._reader.run_view(self._run_id), mark
        except TransientError:
            if time.monotonic() - self._seen > AWAY_SECONDS:
                raise
            return None
        self._seen = time.monotonic()
        return self._known

    def cancel(self, by: str) -> None:
        """Ask for the run's end: Prefect stops its process, which cleans up after itself."""
        RunStore(database()).request_cancel(self._run_id, by)
        self._api.cancel(self._flow_run_id)

    def _settle(self, *, begun: bool) -> None:
        flow = self._flow(begun=begun)
        if flow is None or not flow.ended:
            self._dead_since = None
            return
        self._dead_since = self._dead_since or time.monotonic()
        if time.monotonic() - self._dead_since < GRACE_SECONDS and flow.state_type != "CANCELLED":
            return
        state, exit_code, reason = ENDINGS[flow.state_type or "FAILED"]
        RunStore(database()).finish_run(self._run_id, state, f"{reason}. {flow.message}".strip(), int(exit_code))

    def _flow(self, *, begun: bool) -> FlowRun | None:
        try:
            flow = self._api.flow_run(self._flow_run_id)
        except SluiceError as error:
            if error.transient:
                self._miss(error, begun=begun)
                return None  # the server is away for a moment; the rows go on telling
            raise
        self._silent_since = None
        return flow

    def _miss(self, error: SluiceError, *, begun: bool) -> None:
        """End a run that waits to begin when the server stays away: nobody is left who would begin it."""
        now = time.monotonic()
        self._silent_since = now if self._silent_since is None else self._silent_since
        if begun or now - self._silent_since < self._patience:
            return
        silence = f"the Prefect server has not answered for {now - self._silent_since:.0f} s, and the run had not begun"
        told = PrefectDownError(silence, where=error.where, found=error.found, allowed=f"{self._patience:g} s")
        RunStore(database()).finish_run(self._run_id, RunState.ERRORED, str(told), int(told.exit_code))


def follow_to_end(api: PrefectApi, run_id: str, flow_run_id: str, waiting: str) -> int:
    """Show a run until it has ended, and how; return its exit code.

    The first Ctrl-C stops the run and goes on watching, a second one leaves.
    """
    watch = Watch(api, run_id, flow_run_id)
    told: set[str] = set()
    try:
        view = follow(watch, waiting=waiting, told=told)
    except KeyboardInterrupt:
        err.print("\nStopping the run; it cleans up after itself (Ctrl-C again: leave it to the services) …")
        watch.cancel(getpass.getuser())
        view = follow(watch, waiting="stopping …", told=told)
    show_end(view)
    return view.exit_code if view.exit_code is not None else int(Exit.INFRASTRUCTURE)

"""Prefect's process worker, quicker to take up a run: woken when one is asked for, and not waiting for what can follow.

What is overridden has an underscore in Prefect: where a later one names it differently, the worker does its own, in its
own time. Polling goes on as before, for runs that come from a schedule, the UI or `prefect deployment run`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import anyio
import httpx
from anyio.abc import TaskGroup, TaskStatus
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import Flow, FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectException
from prefect.logging import get_logger
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult
from pydantic import ValidationError

from sluice.services import code
from sluice.services.quick_executor import Spare
from sluice.services.quick_reading import Ahead, Known
from sluice.services.wake import NOW, SOON, hear, listen

DIRECTORY_STEP = "prefect.deployments.steps.set_working_directory"
OUT_OF_THE_WAY = 1.0  # seconds in which the server answers what the run waits for
LOG = get_logger("sluice.worker")
_read: ContextVar[dict[UUID, Any]] = ContextVar("_read")


class QuickJobConfiguration(ProcessJobConfiguration):
    """Tells the flow's process where the flow is, when the deployment's only step is to go to our code.

    It would ask the server for the deployment that the worker has just read, run that step, and then run the file of
    the flow again, which the warm process has loaded as a module.
    """

    def prepare_for_flow_run(
        self, flow_run: FlowRun, deployment: DeploymentResponse | None = None, *more: Any, **named: Any
    ) -> None:
        """Prepare the configuration for one run."""
        super().prepare_for_flow_run(flow_run, deployment, *more, **named)
        if deployment is not None and self.working_dir is None and _only_goes_to(code.root(), deployment):
            self.working_dir = code.root()
            self.env["PREFECT__FLOW_ENTRYPOINT"] = _as_module(deployment.entrypoint or "")


def _only_goes_to(folder: Path, deployment: DeploymentResponse) -> bool:
    steps = deployment.pull_steps or []
    return bool(deployment.entrypoint) and steps == [{DIRECTORY_STEP: {"directory": str(folder)}}]


def _as_module(entrypoint: str) -> str:
    """Return `flows.pipeline.pipeline` for `flows/pipeline.py:pipeline`."""
    path, _, flow = entrypoint.rpartition(":")
    return f"{path.removesuffix('.py').replace('/', '.')}.{flow}" if path.endswith(".py") else entrypoint


class _OneReading:
    """The client of one submission: asks once for its deployment and flow, where the worker would ask again."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def read_deployment(self, deployment_id: UUID) -> DeploymentResponse:
        return cast(DeploymentResponse, await self._once(deployment_id, self._client.read_deployment))

    async def read_flow(self, flow_id: UUID) -> Flow:
        return cast(Flow, await self._once(flow_id, self._client.read_flow))

    async def _once(self, asked: UUID, read: Callable[[UUID], Awaitable[object]]) -> object:
        known = _read.get({})
        if asked not in known:
            known[asked] = await read(asked)
        return known[asked]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class QuickWorker(ProcessWorker):
    """The process worker of Sluice's pool."""

    job_configuration = QuickJobConfiguration

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self._ahead = Ahead(self._work_pool_name)
        self._known: dict[UUID, Known] = {}
        self._group: TaskGroup | None = None
        self._spare: Spare | None = None

    async def start(self, *words: Any, **named: Any) -> None:
        """Work until told to end; look for runs at each poll and whenever somebody wakes us."""
        with listen(Path(os.environ["SLUICE_WORKER_SOCKET"])) as end:
            async with anyio.create_task_group() as group:
                self._group = group
                self._make_spare()
                group.start_soon(self._listen, end)
                await super().start(*words, **named)
                group.cancel_scope.cancel()

    async def _listen(self, end: socket.socket) -> None:
        while True:
            await anyio.wait_readable(end)
            for told in hear(end):
                try:
                    if self.is_setup:
                        await self._hear(told)
                except httpx.HTTPError:
                    LOG.debug("the server did not answer a woken worker; it polls on", exc_info=True)

    async def _hear(self, told: bytes) -> None:
        if told == SOON:
            self._ahead.begin(self.client)
        elif told == NOW or not await self._take_up(told):
            await self.get_and_submit_flow_runs()

    async def _take_up(self, told: bytes) -> bool:
        """Submit a flow run that was handed over; False when the server has to be asked for it.

        The server decides as ever whether it becomes ours: by the state Pending, which a second worker is refused.
        """
        try:
            run = FlowRun.model_validate_json(told)
        except ValidationError:
            return False
        known = await self._ahead.take(run)
        if known is None or run.id in self._submitting_flow_run_ids:
            return False
        self._known[run.id] = known
        await self._submit_scheduled_flow_runs([known.response(run)])
        return True

    @property
    def client(self) -> PrefectClient:
        """Return the client; within one submission it reads a deployment once."""
        return cast(PrefectClient, _OneReading(super().client))

    async def _submit_run(self, flow_run: FlowRun) -> None:
        known = self._known.pop(flow_run.id, None)
        _read.set(known.answers() if known else {})
        self._ahead.before = flow_run
        await super()._submit_run(flow_run)

    async def run(
        self, flow_run: FlowRun, configuration: ProcessJobConfiguration, task_status: TaskStatus[int] | None = None
    ) -> ProcessWorkerResult:
        """Run the flow's process to its end, supervised by what was made ready for it, if it is still good."""
        spare, self._spare = self._spare, None
        work = partial(super().run, flow_run, configuration)
        try:
            if spare is not None and spare.usable and task_status is not None:
                return await spare.run(work, task_status)
            if spare is not None:
                spare.discard()
            return await work(task_status)
        finally:
            self._make_spare()

    def _make_spare(self) -> None:
        """Make the next one ready: when a run has ended, so that none competes with it."""
        if self._spare is None and self._group is not None:
            self._spare = Spare()
            self._group.start_soon(self._spare.serve)

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        self._meanwhile(super()._give_worker_labels_to_flow_run, flow_run_id)

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        """Leave out the state Submitting: a moment later the run is Running, and waited for the server's answer."""

    def _meanwhile(self, call: Callable[[Any], Awaitable[None]], about: object) -> None:
        """Have something told to the server once the run has begun: it does not wait for it."""
        assert self._runs_task_group is not None

        async def told() -> None:
            await anyio.sleep(OUT_OF_THE_WAY)
            try:
                await call(about)
            except (httpx.HTTPError, PrefectException):
                LOG.warning("%s of %s failed; the run goes on", call.__name__, about, exc_info=True)

        self._runs_task_group.start_soon(told)

"""Prefect's process worker, quicker to take up a run: woken when one is asked for, and not waiting for what can follow.

What is overridden has an underscore in Prefect: where a later one names it differently, the worker does its own, in its
own time. Polling goes on as before, for runs that come from a schedule, the UI or `prefect deployment run`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import anyio
import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import PrefectException
from prefect.logging import get_logger
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker

from sluice.services import code
from sluice.services.wake import hear, listen

DIRECTORY_STEP = "prefect.deployments.steps.set_working_directory"
LOG = get_logger("sluice.worker")
_deployment: ContextVar[dict[UUID, DeploymentResponse]] = ContextVar("_deployment")


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
    """The client of one submission: asks for its deployment once, where the worker would ask twice."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def read_deployment(self, deployment_id: UUID) -> DeploymentResponse:
        read = _deployment.get({})
        if deployment_id not in read:
            read[deployment_id] = await self._client.read_deployment(deployment_id)
        return read[deployment_id]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class QuickWorker(ProcessWorker):
    """The process worker of Sluice's pool."""

    job_configuration = QuickJobConfiguration

    async def start(self, *words: Any, **named: Any) -> None:
        """Work until told to end; look for runs at each poll and whenever somebody wakes us."""
        with listen(Path(os.environ["SLUICE_WORKER_SOCKET"])) as end:
            async with anyio.create_task_group() as group:
                group.start_soon(self._listen, end)
                await super().start(*words, **named)
                group.cancel_scope.cancel()

    async def _listen(self, end: socket.socket) -> None:
        while True:
            await anyio.wait_readable(end)
            hear(end)
            try:
                if self.is_setup:
                    await self.get_and_submit_flow_runs()
            except httpx.HTTPError:
                LOG.debug("the server did not answer a woken worker; it polls on", exc_info=True)

    @property
    def client(self) -> PrefectClient:
        """Return the client; within one submission it reads a deployment once."""
        return cast(PrefectClient, _OneReading(super().client))

    async def _submit_run(self, flow_run: FlowRun) -> None:
        _deployment.set({})
        await super()._submit_run(flow_run)

    async def _give_worker_labels_to_flow_run(self, flow_run_id: UUID) -> None:
        self._meanwhile(super()._give_worker_labels_to_flow_run, flow_run_id)

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        # The server takes it as long as the run is Pending, and refuses it from then on.
        self._meanwhile(super()._propose_submitting_state, flow_run)

    def _meanwhile(self, call: Callable[[Any], Awaitable[None]], about: object) -> None:
        """Have something told to the server while the process starts; the run does not wait for it."""
        assert self._runs_task_group is not None

        async def told() -> None:
            try:
                await call(about)
            except (httpx.HTTPError, PrefectException):
                LOG.warning("%s of %s failed; the run goes on", call.__name__, about, exc_info=True)

        self._runs_task_group.start_soon(told)

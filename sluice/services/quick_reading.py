"""What the worker reads about a run before it is asked for: it then starts the run without asking the server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import Flow, FlowRun, WorkPool, WorkQueue
from prefect.client.schemas.responses import DeploymentResponse, WorkerFlowRunResponse
from prefect.exceptions import PrefectException

FRESH_SECONDS = 3.0


@dataclass(frozen=True)
class Known:
    """Deployment, flow, queue and pool as they stood at `at`, by the monotonic clock."""

    deployment: DeploymentResponse
    flow: Flow
    queue: WorkQueue
    pool: WorkPool
    at: float

    def admits(self, run: FlowRun) -> bool:
        """Tell whether the server would hand out this run now.

        It is asked instead where somebody paused the queue or the pool, or limits how many may run at once.
        """
        return (
            (self.deployment.id, self.flow.id, self.queue.id) == (run.deployment_id, run.flow_id, run.work_queue_id)
            and self.queue.work_pool_id == self.pool.id
            and run.state is not None
            and run.state.is_scheduled()
            and not any(each.is_paused or each.concurrency_limit is not None for each in (self.queue, self.pool))
            and time.monotonic() - self.at < FRESH_SECONDS
        )

    def answers(self) -> dict[UUID, Any]:
        """Return what need not be read again for this run, by id."""
        return {self.deployment.id: self.deployment, self.flow.id: self.flow}

    def response(self, run: FlowRun) -> WorkerFlowRunResponse:
        """Return what the server would answer to a look for runs."""
        return WorkerFlowRunResponse(work_pool_id=self.pool.id, work_queue_id=self.queue.id, flow_run=run)


class Ahead:
    """Reads anew what the run before needed: most often it is the same deployment's again.

    What was read serves one run, and none that comes later than in some seconds.
    """

    def __init__(self, pool: str) -> None:
        self._pool = pool
        self.before: FlowRun | None = None
        self._reading: asyncio.Task[Known | None] | None = None

    def begin(self, client: PrefectClient) -> None:
        """Begin to read, when somebody is about to ask for a run."""
        if self.before is not None:
            self._reading = asyncio.create_task(_read(client, self.before, self._pool))

    async def take(self, run: FlowRun) -> Known | None:
        """Return what was read for `run`; None when it has to be looked for as every other."""
        reading, self._reading = self._reading, None
        known = None if reading is None else await reading
        return known if known is not None and known.admits(run) else None


async def _read(client: PrefectClient, run: FlowRun, pool_name: str) -> Known | None:
    if run.deployment_id is None or run.work_queue_id is None:
        return None
    at = time.monotonic()
    try:
        deployment, flow, queue, pool = await asyncio.gather(
            client.read_deployment(run.deployment_id),
            client.read_flow(run.flow_id),
            client.read_work_queue(run.work_queue_id),
            client.read_work_pool(pool_name),
        )
    except (httpx.HTTPError, PrefectException, ValueError):  # ValueError: an answer that is none
        return None  # the look for the run will tell
    return Known(deployment, flow, queue, pool, at)

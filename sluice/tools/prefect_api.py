"""Prefect's REST API over httpx: what the command line and the services need, without importing Prefect."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import AwareDatetime, BaseModel

from sluice.errors import InfrastructureError, TransientError, UsageError
from sluice.services.addresses import Addresses
from sluice.services.wake import wake
from sluice.tools.prefect_memory import Memory

TIMEOUT = httpx.Timeout(20.0, connect=5.0)


class PrefectError(InfrastructureError):
    """The Prefect server refused a request."""

    code = "PREFECT_REFUSED"


class PrefectDownError(TransientError):
    """The Prefect server does not answer."""

    code = "PREFECT_DOWN"
    next_step = "Run `sluice up`, then run again."


class FlowRun(BaseModel):
    """A flow run as the server sees it; the truth about a pipeline run is in Sluice's tables."""

    id: str
    name: str
    state_type: str | None = None
    state_name: str | None = None
    message: str = ""
    parameters: dict[str, Any] = {}
    start_time: AwareDatetime | None = None
    expected_start_time: AwareDatetime | None = None

    @property
    def ended(self) -> bool:
        """Tell whether the state is final."""
        return self.state_type in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class PrefectApi:
    """A Prefect server, with its login and its protection against forged requests."""

    def __init__(self, addresses: Addresses) -> None:
        self.url = addresses.prefect_api_url
        self.ui = addresses.prefect_ui_url
        self._worker = addresses.worker_socket
        self._memory = Memory(addresses.prefect_memory, self.url)
        user, _, password = (addresses.prefect_auth or "").partition(":")
        auth = (user, password) if addresses.prefect_auth else None
        verify = not self.url.startswith("http:")  # reading the certificates takes longer than asking
        self._client = httpx.Client(auth=auth, timeout=TIMEOUT, trust_env=False, verify=verify)
        weakref.finalize(self, self._client.close)
        self._token: dict[str, str] | None = None

    def healthy(self) -> bool:
        """Tell whether the server answers that it is well."""
        try:
            return self._client.get(f"{self.url}/health", timeout=5.0).status_code == 200
        except httpx.TransportError:
            return False

    def version(self) -> str:
        """Return the server's version."""
        return str(self.get("/admin/version"))

    def create_flow_run(
        self,
        deployment: str,
        parameters: Mapping[str, Any],
        *,
        name: str | None = None,
        idempotency_key: str | None = None,
        job_variables: Mapping[str, Any] | None = None,
    ) -> str:
        """Ask for a run of `flow/deployment` now; return the flow run's id.

        Asking again with the same `idempotency_key` returns the same run.

        Raises:
            UsageError: `DEPLOYMENT_UNKNOWN`, `PARAMETERS_REFUSED`.
        """
        wanted = {"parameters": dict(parameters), "name": name, "idempotency_key": idempotency_key}
        body = {key: value for key, value in wanted.items() if value is not None}
        if job_variables:
            body["job_variables"] = dict(job_variables)
        known = self._memory.get(deployment)
        answer = self._ask(
            "POST", f"/deployments/{known or self._id_of(deployment)}/create_flow_run", body, refuse=False
        )
        if answer.status_code == 404 and known:  # it was registered anew
            answer = self._ask("POST", f"/deployments/{self._id_of(deployment)}/create_flow_run", body, refuse=False)
        if answer.status_code in (409, 422):
            detail = answer.json().get("detail", answer.text)
            raise UsageError("the deployment refuses these parameters", code="PARAMETERS_REFUSED", found=detail)
        flow_run = self._good(answer).json()
        wake(self._worker, flow_run)
        return str(flow_run["id"])

    def deployment_id(self, deployment: str) -> str:
        """Return the id of `flow/deployment`.

        Raises:
            UsageError: `DEPLOYMENT_UNKNOWN`.
        """
        found = self.deployment(deployment)
        if found is None:
            raise UsageError(
                f"Prefect knows no deployment {deployment}",
                code="DEPLOYMENT_UNKNOWN",
                next_step="Run `sluice up`: it registers the deployments of prefect.yaml.",
            )
        return str(found["id"])

    def _id_of(self, deployment: str) -> str:
        found = self.deployment_id(deployment)
        self._memory.put(deployment, found)
        return found

    def deployment(self, deployment: str) -> dict[str, Any] | None:
        """Return what the server knows of `flow/deployment`; None when there is none."""
        flow, _, name = deployment.partition("/")
        answer = self._ask("GET", f"/deployments/name/{quote(flow, safe='')}/{quote(name, safe='')}", refuse=False)
        return None if answer.status_code == 404 else dict(self._good(answer).json())

    def flow_run(self, flow_run_id: str) -> FlowRun | None:
        """Return a flow run; None when the server knows none of that id."""
        answer = self._ask("GET", f"/flow_runs/{flow_run_id}", refuse=False)
        return None if answer.status_code == 404 else _flow_run(self._good(answer).json())

    def flow_runs(self, state_types: list[str], *, expected_before: datetime, limit: int = 100) -> list[FlowRun]:
        """Return flow runs in one of these states that should have started before a time, oldest first."""
        chosen = {
            "state": {"type": {"any_": state_types}},
            "expected_start_time": {"before_": expected_before.isoformat()},
        }
        body = {"flow_runs": chosen, "sort": "EXPECTED_START_TIME_ASC", "limit": limit}
        return [_flow_run(raw) for raw in self.post("/flow_runs/filter", body)]

    def cancel(self, flow_run_id: str) -> None:
        """Ask for the end of a flow run: its worker stops it; one that has not started yet never will."""
        run = self.flow_run(flow_run_id)
        if run is None or run.ended:
            return
        started = run.state_type in ("RUNNING", "PENDING", "PAUSED")
        self.set_state(flow_run_id, "CANCELLING" if started else "CANCELLED", "asked for by a person")

    def resume(self, flow_run_id: str, word: Mapping[str, Any]) -> None:
        """Let a paused flow run go on with what it waits for.

        Raises:
            PrefectError: `RESUME_REFUSED`: it does not wait, or not for this.
        """
        answer = self.post(f"/flow_runs/{flow_run_id}/resume", {"run_input": dict(word)})
        if answer["status"] != "ACCEPT":  # told with status 200
            reason = (answer.get("details") or {}).get("reason", answer["status"])
            raise PrefectError(
                "the flow run cannot go on",
                code="RESUME_REFUSED",
                found=reason,
                next_step="Look in Prefect's UI.",
            )

    def set_state(self, flow_run_id: str, state: str, message: str, *, force: bool = False) -> bool:
        """Propose a state (`CRASHED` …) for a flow run; return whether the server accepted it."""
        body = {"state": {"type": state, "name": state.capitalize(), "message": message}, "force": force}
        answer = self.post(f"/flow_runs/{flow_run_id}/set_state", body)
        return bool(answer["status"] == "ACCEPT")

    def flow_run_url(self, flow_run_id: str) -> str:
        """Return where a person sees the flow run."""
        return f"{self.ui}/runs/flow-run/{flow_run_id}"

    def get(self, path: str) -> Any:
        """Return what GET `path` answers, decoded."""
        return self._good(self._ask("GET", path, refuse=False)).json()

    def post(self, path: str, body: object) -> Any:
        """Return what POST `path` answers, decoded."""
        return self._good(self._ask("POST", path, body, refuse=False)).json()

    def patch(self, path: str, body: object) -> None:
        """Change something."""
        self._ask("PATCH", path, body)

    def find(self, path: str) -> Any | None:
        """Return what GET `path` answers; None for 404."""
        answer = self._ask("GET", path, refuse=False)
        return None if answer.status_code == 404 else self._good(answer).json()

    def _ask(self, method: str, path: str, body: object = None, *, refuse: bool = True) -> httpx.Response:
        for attempt in (1, 2):
            headers = {} if method == "GET" else self._csrf()
            try:
                answer = self._client.request(method, self.url + path, json=body, headers=headers)
            except httpx.TransportError as error:
                raise PrefectDownError("the Prefect server does not answer", where=self.url, found=error) from error
            if attempt == 1 and answer.status_code == 403 and "CSRF" in answer.text:
                self._token = None  # it ran out
                self._memory.put("csrf", None)
                continue
            break
        return self._good(answer) if refuse else answer

    def _csrf(self) -> dict[str, str]:
        """Return the headers of a request that changes something; a server without the protection needs none."""
        if self._token is None:
            self._token = self._memory.get("csrf")
        if self._token is None:
            client = str(uuid4())
            answer = self._ask("GET", f"/csrf-token?client={client}", refuse=False)
            self._token = (
                {"Prefect-Csrf-Token": answer.json()["token"], "Prefect-Csrf-Client": client}
                if answer.status_code == 200
                else {}
            )
            self._memory.put("csrf", self._token)
        return self._token

    def _good(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        where = f"{answer.request.method} {answer.request.url.path}"
        if answer.status_code == 401:
            raise PrefectError(
                "the Prefect server refuses our login",
                code="PREFECT_LOGIN",
                where=where,
                next_step="Set PREFECT_API_AUTH_STRING to its user:password.",
            )
        error = PrefectDownError if answer.status_code in (429, 500, 502, 503, 504) else PrefectError
        raise error(f"the Prefect server answered {answer.status_code}", where=where, found=answer.text)


def _flow_run(raw: Mapping[str, Any]) -> FlowRun:
    state = raw.get("state") or {}
    return FlowRun.model_validate({**raw, "message": state.get("message") or ""})

"""What Sluice registers with the Prefect server: its work pool, its blocks and the deployments of prefect.yaml."""

from __future__ import annotations

import json
import os
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from sluice import command
from sluice.errors import InfrastructureError
from sluice.services import code, launcher
from sluice.services.addresses import Addresses
from sluice.services.credentials import write_private
from sluice.services.environment import shell_env, system_env
from sluice.settings import Settings
from sluice.tools.prefect_api import PrefectApi
from sluice.tools.prefect_blocks import ENVIRONMENT, GIT_HOST

DEPLOYMENTS = ("pipeline/sluice", "rollback/sluice", "drift/sluice", "rescan/sluice")
BLOCKS = (GIT_HOST, ENVIRONMENT)
DEPLOY_SECONDS = 120.0
TYPE = "process"


def launch_words(addresses: Addresses, module: str, *words: str) -> list[str]:
    """Return the command that runs a module in a fork of the warm process, or in a plain Python without one."""
    return [sys.executable, "-I", "-S", launcher.__file__, str(addresses.warm_socket), module, *words]


def make_pool(api: PrefectApi, settings: Settings, addresses: Addresses) -> bool:
    """Create the work pool, or bring its template up to date; tell whether anything changed.

    Raises:
        InfrastructureError: `WORK_POOL`: a pool of that name has another type.
    """
    template = _template(api, shlex.join(launch_words(addresses, "prefect.engine")))
    pool = api.find(f"/work_pools/{settings.work_pool}")
    if pool is None:
        description = "Runs Sluice's flows in forks of the warm process."
        wanted = {"name": settings.work_pool, "type": TYPE, "description": description, "base_job_template": template}
        api.post("/work_pools/", wanted)
        return True
    if pool["type"] != TYPE:
        raise InfrastructureError(
            f"the work pool {settings.work_pool} is not of type {TYPE}",
            code="WORK_POOL",
            found=pool["type"],
            next_step="Name another pool in SLUICE_WORK_POOL.",
        )
    if pool["base_job_template"] == template:
        return False
    api.patch(f"/work_pools/{settings.work_pool}", {"base_job_template": template})
    return True


def _template(api: PrefectApi, words: str) -> dict[str, Any]:
    """Return Prefect's own template with our command in it.

    The command is no variable any more: else whoever may start a run could have any command run here.
    """
    types = api.get("/collections/views/aggregate-worker-metadata")
    template: dict[str, Any] = types["prefect"][TYPE]["default_base_job_configuration"]
    template["job_configuration"]["command"] = words
    template["variables"]["properties"].pop("command", None)
    return template


def register(api: PrefectApi, settings: Settings, addresses: Addresses) -> bool:
    """Register blocks and deployments when what they are made of has changed; tell whether it was done.

    Raises:
        CommandError: it failed; its last lines are in the error.
    """
    memory = settings.home.prefect / "registered.json"
    state = {
        "code": code.deployment_fingerprint(),
        "server": addresses.prefect_api_url,
        "pool": settings.work_pool,
    }
    if _all_there(api) and _read(memory) == state:
        return False
    register_blocks(settings, addresses)
    deploy(settings, addresses)
    write_private(memory, json.dumps(state))
    return True


def _all_there(api: PrefectApi) -> bool:
    deployments = all(api.deployment(name) is not None for name in DEPLOYMENTS)
    return deployments and all(api.find(f"/block_types/slug/{slug}") is not None for slug in BLOCKS)


def register_blocks(settings: Settings, addresses: Addresses) -> None:
    """Run the real `prefect block register` for the classes in `blocks/`: the UI then has their forms."""
    _prefect(["--no-prompt", "block", "register", "--module", "blocks"], settings, addresses)


def deploy(settings: Settings, addresses: Addresses) -> None:
    """Run the real `prefect deploy --all`."""
    _prefect(["--no-prompt", "deploy", "--all", "--prefect-file", str(code.prefect_file())], settings, addresses)


def _prefect(words: list[str], settings: Settings, addresses: Addresses) -> None:
    """Run the command `prefect` in a fork of the warm process."""
    environment = {**system_env(), **shell_env(addresses, settings)}
    argv = launch_words(addresses, "prefect", *words)
    command.run(argv, env=environment, cwd=code.root(), timeout=DEPLOY_SECONDS, merge=True)


def worker_reported(api: PrefectApi, settings: Settings, since: datetime) -> bool:
    """Tell whether a worker of this machine has reported to the pool since a time."""
    workers = api.post(f"/work_pools/{settings.work_pool}/workers/filter", {"limit": 200})
    ours = [worker for worker in workers if worker["name"] == worker_name() and worker["last_heartbeat_time"]]
    return any(datetime.fromisoformat(worker["last_heartbeat_time"]) >= since for worker in ours)


def worker_name() -> str:
    """Return the name of this machine's worker."""
    return f"sluice-{os.uname().nodename}"


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None

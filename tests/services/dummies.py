"""Registering and starting the dummy flows."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import psutil

from sluice.services.addresses import Addresses, load
from sluice.services.environment import shell_env, system_env
from sluice.services.registration import launch_words
from sluice.settings import Settings
from sluice.tools.prefect_api import FlowRun, PrefectApi
from tests.stack import eventually

FLOWS = ("quick", "slow", "leaver", "retries", "stepping")


def register(settings: Settings, folder: Path, name: str = "dummy") -> None:
    """Deploy the dummy flows as `name` by the real `prefect deploy --all` in `folder`."""
    pool = {"name": settings.work_pool}
    here = Path(__file__).parent
    deployments = [{"name": name, "entrypoint": f"dummy_flows.py:{flow}", "work_pool": pool} for flow in FLOWS]
    pull = [{"prefect.deployments.steps.set_working_directory": {"directory": str(here)}}]
    file = folder / "prefect.yaml"  # JSON is YAML
    file.write_text(json.dumps({"name": "dummy", "pull": pull, "deployments": deployments}))
    addresses = load(settings)
    words = launch_words(addresses, "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file))
    env = {**system_env(), **shell_env(addresses, settings)}
    done = subprocess.run(words, cwd=here, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Dummy:
    """One run of a dummy flow, and the notes that it writes."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        flow: str,
        deployment: str = "dummy",
        variables: Mapping[str, str] | None = None,
        **parameters: object,
    ) -> None:
        self.addresses: Addresses = load(settings)
        self.api = PrefectApi(self.addresses)
        self.note = folder / f"{flow}-{uuid4()}"
        asked, job = {"note": str(self.note), **parameters}, {"env": dict(variables)} if variables else None
        self.id = self.api.create_flow_run(f"{flow}/{deployment}", asked, job_variables=job)

    def words(self, seconds: float = 60) -> list[str]:
        """What the flow wrote once it runs."""
        eventually(self.note.exists, "the flow's first line", seconds)
        return self.note.read_text().split()

    def ended_by(self) -> str:
        """Which exception ended the flow's body; empty when none did."""
        end = Path(f"{self.note}.end")
        return end.read_text() if end.exists() else ""

    def end(self, seconds: float = 60) -> FlowRun:
        """The flow run once it has ended."""
        eventually(lambda: (run := self.api.flow_run(self.id)) and run.ended, "the end of the flow run", seconds)
        run = self.api.flow_run(self.id)
        assert run is not None
        return run


def alive(pid: int | str) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

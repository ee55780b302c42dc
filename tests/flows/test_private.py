"""A private project, started as the Prefect UI does: its token and its secrets come from blocks."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from sluice.cli.start import PIPELINE
from sluice.services.addresses import load
from sluice.tools import prefect_blocks
from sluice.tools.prefect_api import PrefectApi
from tests.flows.clerk import APP, Clerk
from tests.flows.command_line import LIMIT, CommandLine, settled
from tests.git_server import GitServer
from tests.services.test_blocks import fill_in
from tests.serving import serving
from tests.stack import eventually

pytestmark = pytest.mark.services

TOKEN, SECRET = "ghp-Planted-4b1d77", "svc-Planted-99c2e0"
TELLS = APP.replace(
    '"path": self.path', '"path": self.path, "level": os.environ["LEVEL"], "long": len(os.environ["KEY"])'
)


def test_a_private_project_with_an_environment_of_blocks(sluice: CommandLine, tmp_path: Path) -> None:
    clerk = Clerk(tmp_path / "code", "private", environments={"staging": {"block": "private-staging"}})
    commit = clerk.commit(files={"app.py": TELLS})
    clerk.repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "srv" / f"{clerk.name}.git"))
    data = {"variables": {"LEVEL": "info"}, "secrets": {"KEY": SECRET}}
    fill_in(sluice.settings, prefect_blocks.ENVIRONMENT, "private-staging", data)
    with serving(GitServer(tmp_path / "srv", tmp_path, TOKEN)) as server:
        fill_in(sluice.settings, prefect_blocks.GIT_HOST, "private-host", {"host": server.host, "token": TOKEN})
        run_id = str(uuid4())
        request = {"repository": f"https://{server.host}/{clerk.name}.git", "ref": "main", "run_id": run_id}
        machine = {"env": {"GIT_SSL_CAINFO": str(server.certificate), "no_proxy": "127.0.0.1"}}
        PrefectApi(load(sluice.settings)).create_flow_run(PIPELINE, {"request": request}, job_variables=machine)
        eventually(lambda: run_id in sluice.run_ids(), "the run's row", LIMIT)
        view = settled(sluice, run_id, LIMIT)
    assert (view.state, view.exit_code) == ("passed", 0), view.reason
    assert view.commit == commit
    assert '"level": "info"' in sluice.answer(clerk.name)
    assert f'"long": {len(SECRET)}' in sluice.answer(clerk.name)
    hidden = (TOKEN.encode(), SECRET.encode())
    for path in sluice.settings.home.root.rglob("*"):
        if path.is_file() and path.suffix != ".environment":  # the replicas' own, of mode 0600
            content = path.read_bytes()
            assert not [secret for secret in hidden if secret in content], f"a secret lies in {path}"

"""What the stages are asked for, from what a project declares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows.project import Project
from sluice.config.model import Config
from sluice.config.plan import plan
from sluice.records.checkout import RefKind
from tests import factories

SERVICE = {"command": ["python3", "app.py"]}


@pytest.mark.parametrize(("days", "codes"), [(1, ("D03",)), (-1, ())])
def test_a_deploy_is_told_the_waivers_that_count_today(days: int, codes: tuple[str, ...]) -> None:
    last = (datetime.now(UTC).date() + timedelta(days=days)).isoformat()
    waiver = {"code": "D03", "reason": "known for a while", "owner": "ada", "expires": last}
    declared = {"service": SERVICE, "environments": {"staging": {}}, "deploy": [{"branch": "main", "to": "staging"}]}
    config = Config.model_validate({**declared, "waivers": [waiver]})
    chosen = plan(config, RefKind.BRANCH, "main", "main", pull_request=False)
    project = Project(config, chosen, factories.checkout().source, RefKind.BRANCH, "main")
    request = project.deploy_request(factories.build(), factories.scan(), allow_downgrade=False)
    assert request.waived == codes

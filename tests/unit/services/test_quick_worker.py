from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from sluice.services import code

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it overrides Prefect's own class of its type
    from sluice.services.quick_worker import DIRECTORY_STEP, QuickJobConfiguration

ENTRYPOINT = "PREFECT__FLOW_ENTRYPOINT"


def prepared(steps: list[dict[str, Any]] | None, **configured: Any) -> QuickJobConfiguration:
    flow = uuid4()
    deployment = DeploymentResponse.model_validate(
        {"name": "d", "flow_id": flow, "entrypoint": "flows/pipeline.py:pipeline", "pull_steps": steps}
    )
    made = QuickJobConfiguration(command="run", **configured)
    made.prepare_for_flow_run(FlowRun(flow_id=flow, name="r"), deployment)
    return made


def test_a_flow_of_our_code_is_told_where_it_is() -> None:
    made = prepared([{DIRECTORY_STEP: {"directory": str(code.root())}}])
    assert made.env[ENTRYPOINT] == "flows.pipeline.pipeline"
    assert made.working_dir == code.root()


@pytest.mark.parametrize(
    "steps",
    [
        None,
        [],
        [{DIRECTORY_STEP: {"directory": "/elsewhere"}}],
        [{DIRECTORY_STEP: {"directory": "ROOT", "requires": "more"}}],
        [{DIRECTORY_STEP: {"directory": "ROOT"}}, {"prefect.deployments.steps.run_shell_script": {"script": "true"}}],
    ],
)
def test_any_other_deployment_pulls_its_code_as_it_says(steps: list[dict[str, Any]] | None) -> None:
    for step in steps or []:
        for value in step.values():
            value.update({key: str(code.root()) for key, word in value.items() if word == "ROOT"})
    made = prepared(steps)
    assert ENTRYPOINT not in made.env
    assert made.working_dir is None


def test_a_folder_that_somebody_chose_for_the_job_stands(tmp_path: Path) -> None:
    made = prepared([{DIRECTORY_STEP: {"directory": str(code.root())}}], working_dir=tmp_path)
    assert made.working_dir == tmp_path
    assert ENTRYPOINT not in made.env

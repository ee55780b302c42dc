"""A schedule that never fires is silent: a run of it must really come."""

from __future__ import annotations

from sluice.services.addresses import load
from sluice.settings import Settings
from sluice.tools.prefect_api import PrefectApi
from tests.stack import eventually


def test_a_scheduled_run_really_comes(stack: Settings) -> None:
    api = PrefectApi(load(stack))
    deployment = api.deployment_id("pipeline/sluice")
    nightly = {
        "active": True,
        "schedule": {"cron": "0 3 * * *", "timezone": "UTC"},
        "parameters": {"request": {"repository": "/nowhere", "trigger": "schedule"}},
    }
    made = api.post(f"/deployments/{deployment}/schedules", [nightly])
    waiting = {"deployments": {"id": {"any_": [deployment]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    try:
        eventually(lambda: api.post("/flow_runs/filter", waiting), "a scheduled run", seconds=120)
        first = min(api.post("/flow_runs/filter", waiting), key=lambda run: run["expected_start_time"])
        assert first["auto_scheduled"]
        assert first["expected_start_time"][11:16] == "03:00"
        assert first["parameters"]["request"]["trigger"] == "schedule"
    finally:
        api.patch(f"/deployments/{deployment}/schedules/{made[0]['id']}", {"active": False})

"""Blocks on the real Prefect server: registered by `sluice up`, filled in as the UI does, read with their secrets."""

from __future__ import annotations

from typing import Any

import pytest

from blocks import GitHost, ServiceEnvironment
from sluice import secrets
from sluice.config.model import Environment
from sluice.errors import DeployRefusedError
from sluice.services.addresses import load
from sluice.services.registration import BLOCKS
from sluice.settings import Settings
from sluice.stages.deploy_preflight import configuration
from sluice.tools import git_credentials, prefect_blocks
from sluice.tools.git_location import Location
from sluice.tools.prefect_api import PrefectApi

pytestmark = pytest.mark.services


def fill_in(settings: Settings, slug: str, name: str, data: dict[str, Any]) -> dict[str, Any]:
    """Save a block as the UI does; return what the server shows of it afterwards."""
    api = PrefectApi(load(settings))
    kind = api.get(f"/block_types/slug/{slug}")
    schemas = api.post("/block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind["id"]]}}})
    ids = {"block_schema_id": schemas[0]["id"], "block_type_id": kind["id"]}
    made = api.post("/block_documents/", {"name": name, "data": data, **ids})
    return dict(api.get(f"/block_documents/{made['id']}"))


def test_every_class_is_registered_with_its_form(stack: Settings) -> None:
    api = PrefectApi(load(stack))
    assert {GitHost._block_type_slug, ServiceEnvironment._block_type_slug} == set(BLOCKS)
    for slug, wanted in zip(BLOCKS, (GitHost, ServiceEnvironment), strict=True):
        kind = api.get(f"/block_types/slug/{slug}")
        assert kind["name"] == wanted._block_type_name
        assert kind["description"], "the UI shows what the block is for"
        (schema,) = api.post("/block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind["id"]]}}})
        assert set(schema["fields"]["properties"]) == set(wanted.model_fields)


def test_a_git_host_is_found_by_its_host_and_shows_no_token(stack: Settings) -> None:
    git_credentials.forget()
    shown = fill_in(stack, prefect_blocks.GIT_HOST, "our-host", {"host": "Git.Example:8443", "token": "ghp-planted"})
    assert "ghp-planted" not in str(shown)
    found = git_credentials.find(Location("https://git.example:8443/team/greeter.git"))
    assert found["SLUICE_GIT_TOKEN"] == "ghp-planted"
    assert found["GIT_CONFIG_KEY_0"] == "credential.https://git.example:8443.helper"
    assert git_credentials.find(Location("https://git.example/team/greeter.git")) == {}
    assert git_credentials.find(Location("ssh://git@git.example/team/greeter.git")) == {}
    git_credentials.forget()


def test_an_environment_brings_variables_and_secrets_and_the_file_comes_first(stack: Settings) -> None:
    data = {
        "variables": {"LEVEL": "info", "PLACE": "block"},
        "secrets": {"TOKEN": "planted-secret", "OTHER": "by-block"},
    }
    shown = fill_in(stack, prefect_blocks.ENVIRONMENT, "staging-a", data)
    assert "planted-secret" not in str(shown)
    assert shown["data"]["variables"] == data["variables"]
    declared = Environment.model_validate({"block": "staging-a", "variables": {"PLACE": "file"}})
    assert configuration(declared, "staging") == {"LEVEL": "info", "TOKEN": "planted-secret", "OTHER": "by-block"}


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("missing", None, "SECRET_MISSING"),
        ("unfilled", {"variables": {}, "secrets": {"TOKEN": "changeme"}}, "CONFIG_PLACEHOLDER"),
        ("ours", {"variables": {"SLUICE_COMMIT": "x"}, "secrets": {}}, "BLOCK_WRONG"),
        ("short", {"variables": {"LEVEL": "1"}, "secrets": {"TOKEN": "abc"}}, "SECRET_SHORT"),
        ("nested", {"variables": {}, "secrets": {"TOKEN": {"deep": "planted-deep"}}}, "BLOCK_WRONG"),
    ],
)
def test_a_block_that_cannot_be_used_is_refused_by_name(
    stack: Settings, name: str, data: dict[str, Any] | None, code: str
) -> None:
    if data is not None:
        fill_in(stack, prefect_blocks.ENVIRONMENT, name, data)
    with pytest.raises(DeployRefusedError) as caught:
        configuration(Environment.model_validate({"block": name}), "staging")
    assert caught.value.code == code
    assert "environments.staging.block" in str(caught.value)
    assert "planted-deep" not in str(caught.value)


def test_prefects_own_secret_block_is_a_reference_too(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_in(stack, "secret", "a-token", {"value": "planted-value"})
    assert secrets.resolve({"TOKEN": "block:a-token"}, "environments.staging.secrets") == {"TOKEN": "planted-value"}
    with pytest.raises(secrets.SecretError, match="no Secret block nowhere"):
        secrets.resolve({"TOKEN": "block:nowhere"}, "environments.staging.secrets")

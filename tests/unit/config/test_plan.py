"""Which stages run for a ref, where the release goes, and why."""

from __future__ import annotations

import pickle

import pytest

from sluice.config.load import load
from sluice.config.model import Config, Route
from sluice.config.plan import Plan, plan
from sluice.errors import ConfigError
from sluice.records.checkout import RefKind
from sluice.states import StageName

CONFIG = load("""\
service: {command: [shop]}
environments: {staging: {}, production: {}, canary: {}}
deploy:
  - {branch: main, to: staging}
  - {branch: "release/*", to: canary}
  - {tag: v0.*, to: canary}
  - {tag: v*, to: production}
""").config
FOUR = (StageName.CHECKOUT, StageName.TEST, StageName.BUILD, StageName.SCAN)


@pytest.mark.parametrize(
    ("kind", "name", "environment"),
    [
        (RefKind.BRANCH, "main", "staging"),
        (RefKind.BRANCH, "release/1/x", "canary"),
        (RefKind.TAG, "v0.1", "canary"),
        (RefKind.TAG, "v1.0", "production"),
    ],
)
def test_a_route_adds_deploy_and_smoke_and_the_first_match_counts(kind: RefKind, name: str, environment: str) -> None:
    made = plan(CONFIG, kind, name)
    assert (made.stages, made.environment) == ((*FOUR, StageName.DEPLOY, StageName.SMOKE), environment)
    assert made.reasons[StageName.DEPLOY].startswith(f"{kind} {name} goes to {environment} (deploy: {kind} ")
    assert made.reasons[StageName.ROLLBACK] == "stands by: runs when smoke fails"


@pytest.mark.parametrize(
    ("kind", "name", "why"),
    [
        (RefKind.BRANCH, "Main", "no deploy route takes branch Main; branch routes: main, release/*"),
        (RefKind.BRANCH, "v1.0", "no deploy route takes branch v1.0; branch routes: main, release/*"),
        (RefKind.TAG, "main", "no deploy route takes tag main; tag routes: v0.*, v*"),
        (RefKind.COMMIT, "a" * 40, "a bare commit is neither branch nor tag"),
    ],
)
def test_other_refs_stop_after_scan(kind: RefKind, name: str, why: str) -> None:
    made = plan(CONFIG, kind, name)
    assert (made.stages, made.environment, made.deploys) == (FOUR, None, False)
    assert made.reasons[StageName.DEPLOY] == f"not deployed: {why}"


@pytest.mark.parametrize(("kind", "name"), [(RefKind.BRANCH, "main"), (RefKind.TAG, "v1.0")])
def test_a_pull_request_is_never_deployed(kind: RefKind, name: str) -> None:
    made = plan(CONFIG, kind, name, pull_request=True)
    assert (made.stages, made.environment) == (FOUR, None)
    assert made.reasons[StageName.DEPLOY] == "not deployed: a pull request is never deployed"


def test_without_routes_the_default_branch_stops_after_scan_too() -> None:
    assert (
        plan(Config(), RefKind.BRANCH, "main").reasons[StageName.DEPLOY]
        == "not deployed: no deploy routes are declared"
    )
    elsewhere = load("service: {command: [a]}\nenvironments: {e: {}}\ndeploy: [{tag: v*, to: e}]\n").config
    reason = plan(elsewhere, RefKind.BRANCH, "trunk", "trunk").reasons[StageName.DEPLOY]
    assert reason == "not deployed: no deploy route takes branch trunk (the default branch); branch routes: none"


def test_skipped_tests_stay_in_the_plan_with_their_reason() -> None:
    made = plan(load("test: {skip: only documents here}\n").config, RefKind.BRANCH, "main")
    assert made.stages == FOUR
    assert made.reasons[StageName.TEST] == "skipped by declaration: only documents here"


def test_a_route_that_leads_nowhere_stops_instead_of_looking_green() -> None:
    routes = (Route(branch="main", to="staging"),)
    with pytest.raises(ConfigError, match="no declared environment"):
        plan(Config(deploy=routes), RefKind.BRANCH, "main")
    with pytest.raises(ConfigError, match="no service"):
        plan(Config(deploy=routes, environments=CONFIG.environments), RefKind.BRANCH, "main")


def test_a_plan_travels() -> None:
    made = plan(CONFIG, RefKind.TAG, "v1.0")
    assert pickle.loads(pickle.dumps(made)) == made
    assert Plan.model_validate_json(made.model_dump_json()) == made

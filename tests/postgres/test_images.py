"""An image and its layers are rows of its build, and the view has the shape that people ask for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sluice.artifacts import ArtifactStore
from sluice.config.docker import RegistryLogin
from sluice.errors import UsageError
from sluice.records.checks import BoundaryReport, CheckResult
from sluice.records.image import BuildStep
from sluice.states import CheckStatus, Severity, StageName
from sluice.store.images import find_image
from sluice.store.ingest import Ingest
from sluice.store.runs import RunStore
from tests import factories
from tests.factories import COMMIT, DIGEST, OTHER_DIGEST, later
from tests.postgres.parts import a_run, execute, rows

pytestmark = pytest.mark.postgres


def accept(engine: Engine, tmp: Path, **image: object) -> str:
    """Let an image pass its boundary; return its run."""
    run_id = a_run(engine)
    record = factories.image_build(image=image, run_id=run_id)
    passed = CheckResult(
        code="B01",
        name="DIGEST_MISMATCH",
        severity=Severity.STOP,
        status=CheckStatus.PASSED,
        expectation="expect_column_pair_values_to_be_equal",
        expected="",
        observed="",
        message="",
    )
    report = BoundaryReport(boundary=StageName.BUILD, results=(passed,), seconds=0.01)
    stage = RunStore(engine).start_stage(run_id, StageName.BUILD)
    Ingest(engine, ArtifactStore(tmp / "artifacts")).accept(stage, record, report)
    return run_id


def test_an_image_has_the_shape_that_people_ask_for(engine: Engine, tmp_path: Path) -> None:
    steps = (BuildStep(name="a", cached=True, seconds=0), BuildStep(name="b", cached=False, seconds=1))
    run_id = accept(engine, tmp_path, steps=steps)
    ((name, tags, digest, size, created, layers),) = rows(
        engine, "SELECT image_name, tags, digest, size, created, layers FROM v_images WHERE run_id = :run", run=run_id
    )
    assert (name, tags, digest) == ("registry.example/team/greeter", ["main-0123456789ab", "latest"], DIGEST)
    assert (size, created) == (48_000, later(6))
    assert layers == [
        {"digest": OTHER_DIGEST, "size": 40_000, "platform": "linux/amd64", "from_base": True},
        {"digest": f"sha256:{'7' * 64}", "size": 8_000, "platform": "linux/amd64", "from_base": False},
    ]
    more = "SELECT platforms, base_name, base_digest, builder, steps, cached_steps FROM v_images WHERE run_id = :run"
    assert rows(engine, more, run=run_id) == [(["linux/amd64"], "python:3.11-slim", OTHER_DIGEST, "buildkit", 2, 1)]


def test_an_image_without_layers_is_an_image(engine: Engine, tmp_path: Path) -> None:
    run_id = accept(engine, tmp_path, layers=())
    assert rows(engine, "SELECT layers FROM v_images WHERE run_id = :run", run=run_id) == [([],)]


def test_an_image_is_found_with_its_commit_its_lasting_tags_and_its_login(engine: Engine, tmp_path: Path) -> None:
    accept(engine, tmp_path, tags=("main-0123456789ab", "v1.4.0", "latest"))
    found = find_image(engine, DIGEST)
    assert (found.name, found.digest, found.commit) == ("registry.example/team/greeter", DIGEST, COMMIT)
    assert found.tags == ("main-0123456789ab", "v1.4.0")
    assert found.login is None
    login = {"username": "ada", "password": "env:PASSWORD"}
    config = {"build": {"image": {"repository": found.name, "login": login}}}
    execute(engine, "UPDATE pipeline_runs SET config = CAST(:config AS jsonb)", config=json.dumps(config))
    assert find_image(engine, DIGEST).login == RegistryLogin.model_validate(login)
    with pytest.raises(UsageError, match="the release is no image"):
        find_image(engine, OTHER_DIGEST)

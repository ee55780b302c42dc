"""What a boundary is told of a branch's history, and that it cannot be silent about a history that is broken."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest
from sqlalchemy import Engine

from sluice.artifacts import ArtifactStore
from sluice.records.checks import BoundaryReport
from sluice.records.history import Baseline, History
from sluice.states import CheckStatus, StageName
from sluice.store.baselines import read_history
from sluice.store.engine import engine_for
from sluice.store.ingest import Ingest
from sluice.store.runs import RunStore
from tests import factories
from tests.boundaries import check
from tests.postgres.parts import PROJECT, a_run, execute

pytestmark = pytest.mark.postgres


@pytest.fixture
def engine(fresh_database_url: str) -> Iterator[Engine]:
    """A database whose tables a test may break."""
    engine = engine_for(fresh_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def ingest(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Ingest:
    return Ingest(engine, ArtifactStore(tmp_path_factory.mktemp("artifacts")))


def accepted(stage: StageName) -> BoundaryReport:
    return BoundaryReport(boundary=stage, results=check(factories.build()).results, seconds=0.03)


def builds(ingest: Ingest, branch: str, *sizes: int) -> None:
    for size in sizes:
        run_id = a_run(ingest.engine, requested_ref=branch)
        record = factories.build(run_id=run_id, size=size)
        stage = RunStore(ingest.engine).start_stage(run_id, record.STAGE)
        ingest.accept(stage, record, accepted(record.STAGE))


def size_on(engine: Engine, branch: str) -> Baseline | None:
    history = read_history(engine, PROJECT, branch, "main")
    assert history.problem == ""
    return history.baselines.get("build.size")


def test_a_branch_with_runs_enough_has_its_own(engine: Engine, ingest: Ingest) -> None:
    builds(ingest, "main", 10, 10, 10, 10, 10)
    builds(ingest, "feature", 70, 80, 90, 100, 60)
    assert size_on(engine, "feature") == Baseline(
        metric="build.size", branch="feature", samples=5, median=80, mad=10, lowest=60, highest=100, latest=60
    )


def test_a_young_branch_is_held_against_the_default_branch(engine: Engine, ingest: Ingest) -> None:
    builds(ingest, "main", 10, 20, 30, 40, 50)
    builds(ingest, "feature", 70, 80, 90, 100)
    found = size_on(engine, "feature")
    assert found is not None
    assert (found.branch, found.samples, found.median, found.is_enough) == ("main", 5, 30, True)


def test_without_runs_enough_anywhere_the_own_ones_are_told(engine: Engine, ingest: Ingest) -> None:
    builds(ingest, "main", 10, 20, 30, 40)
    builds(ingest, "feature", 70)
    found = size_on(engine, "feature")
    assert found is not None
    assert (found.branch, found.samples, found.is_enough) == ("feature", 1, False)


def smoked(ingest: Ingest, environment: str, *tags: str) -> None:
    """Take a release of each tag through the smoke test of an environment; it answers as quickly as any other."""
    for tag in tags:
        run_id = a_run(ingest.engine, requested_ref=tag)
        record = factories.smoke(run_id=run_id, environment=environment)
        stage = RunStore(ingest.engine).start_stage(run_id, record.STAGE)
        ingest.accept(stage, record, check(record))


def test_an_environment_that_tags_are_put_into_has_a_history_of_its_own(engine: Engine, ingest: Ingest) -> None:
    slow = factories.smoke(environment="production", load=factories.load(p95_seconds=2.0))

    def verdict(environment: str) -> CheckStatus:
        record = slow.model_copy(update={"environment": environment})
        report = check(record, history=read_history(engine, PROJECT, "v6", "main"))
        return next(each.status for each in report.results if each.code == "K04")

    smoked(ingest, "staging", "main")
    smoked(ingest, "production", "v1", "v2", "v3", "v4")
    assert verdict("production") is CheckStatus.NOT_ENOUGH_HISTORY

    smoked(ingest, "production", "v5")
    assert verdict("production") is CheckStatus.FAILED
    assert verdict("staging") is CheckStatus.NOT_ENOUGH_HISTORY, "another environment is no history of it"
    honest = factories.smoke(environment="production", load=factories.load(p95_seconds=0.03))
    assert check(honest, history=read_history(engine, PROJECT, "v6", "main")).accepted


def test_another_project_or_branch_is_never_asked(engine: Engine, ingest: Ingest) -> None:
    builds(ingest, "feature", 70, 80, 90, 100, 60)
    assert read_history(engine, PROJECT, "other", "main") == History()
    assert read_history(engine, "another", "feature", "main") == History()


def test_a_missing_table_is_a_problem_not_an_empty_history(engine: Engine) -> None:
    execute(engine, "DROP TABLE baselines CASCADE")
    assert 'relation "baselines" does not exist' in read_history(engine, PROJECT, "main", "main").problem


def test_a_baseline_that_makes_no_sense_is_a_problem(engine: Engine, ingest: Ingest) -> None:
    builds(ingest, "main", 10)
    execute(engine, "ALTER TABLE baselines DROP CONSTRAINT ck_baselines_mad")
    execute(engine, "UPDATE baselines SET mad = 'NaN'")
    problem = read_history(engine, PROJECT, "main", "main").problem
    assert problem.startswith("a baseline makes no sense: mad: Input should be ")


def test_the_migration_learns_baselines_from_the_figures(engine: Engine, ingest: Ingest) -> None:
    builds(ingest, "main", 10, 20, 30, 40, 50, 1000)
    expected = size_on(engine, "main")
    execute(engine, "UPDATE baselines SET recent = '{1}', median = 1, mad = 1, lowest = 1, highest = 1")
    refill = import_module("sluice.store.migrations.versions.0004_robust_baselines").REFILL
    execute(engine, refill)
    assert size_on(engine, "main") == expected

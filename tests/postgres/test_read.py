"""What people see of runs."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from sluice.artifacts import ArtifactStore
from sluice.errors import UsageError
from sluice.records.testing import FailedTest
from sluice.states import RunState, StageName, StageState
from sluice.store.engine import DatabaseUnavailableError, engine_for
from sluice.store.ingest import Ingest
from sluice.store.journal import Journal
from sluice.store.read import Reader
from sluice.store.runs import RunStore
from tests import factories
from tests.postgres.parts import PROJECT, a_run
from tests.postgres.test_ingest import accepted, execution, record_of, rejected, stage_of

pytestmark = pytest.mark.postgres


@pytest.fixture
def files(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def ingest(engine: Engine, files: ArtifactStore) -> Ingest:
    return Ingest(engine, files)


@pytest.fixture
def reader(engine: Engine) -> Reader:
    return Reader(engine)


def test_a_run_with_its_stages_checks_red_tests_and_files(
    engine: Engine, ingest: Ingest, files: ArtifactStore, reader: Reader
) -> None:
    store, run_id = RunStore(engine), a_run(engine)
    store.set_commit(run_id, commit=factories.COMMIT, ref_kind="branch", ref_name="main")
    store.set_plan(run_id, {"stages": ["checkout", "test", "build"]}, {}, [StageName.BUILD])
    source = factories.checkout(run_id=run_id)
    ingest.accept(stage_of(engine, source), source, accepted(StageName.CHECKOUT))
    red = FailedTest(id="tests.test_app::test_2", status="failed", message="1 != 2", detail="…", cell="py3.11")
    record = record_of(run_id, execution(files, ["passed", "failed"], exit_code=1), failures=(red,))
    ingest.accept(stage_of(engine, record), record, accepted())
    store.finish_run(run_id, RunState.FAILED, "TESTS_RED: 1 of 2 failed", 10)

    view = reader.run_view(run_id)
    assert view is not None
    assert (view.id, view.project, view.ref, view.commit, view.subject) == (
        run_id,
        PROJECT,
        "main",
        factories.COMMIT,
        "Greet politely",
    )
    assert (view.state, view.reason, view.exit_code) == (RunState.FAILED, "TESTS_RED: 1 of 2 failed", 10)
    assert view.seconds is not None
    assert view.seconds >= 0
    assert [(stage.stage, stage.state) for stage in view.stages] == [
        ("checkout", StageState.PASSED),
        ("test", StageState.FAILED),
        ("build", StageState.SKIPPED),
    ]
    assert view.stages[2].reason == "the run ended before this stage"
    test = view.stages[1]
    assert [(check.code, check.status) for check in test.checks] == [("T01", "passed"), ("T15", "not_enough_history")]
    assert [(failure.id, failure.message, failure.cell) for failure in test.failures] == [
        ("tests.test_app::test_2", "1 != 2", "py3.11")
    ]
    assert [artifact.name for artifact in test.artifacts] == ["cases.csv", "coverage.csv", "pytest.log", "report.xml"]
    assert reader.run_view(str(uuid4())) is None


def test_the_mark_of_a_run_changes_with_everything_that_its_view_shows(
    engine: Engine, ingest: Ingest, reader: Reader
) -> None:
    store, run_id = RunStore(engine), a_run(engine)
    seen = [reader.mark(run_id)]
    store.set_commit(run_id, commit=factories.COMMIT, ref_kind="branch", ref_name="main")
    seen.append(reader.mark(run_id))
    store.set_plan(run_id, {}, {}, [StageName.BUILD])
    seen.append(reader.mark(run_id))
    source = factories.checkout(run_id=run_id)
    stage = stage_of(engine, source)
    seen.append(reader.mark(run_id))
    assert reader.mark(run_id) == seen[-1]
    ingest.accept(stage, source, accepted(StageName.CHECKOUT))
    seen.append(reader.mark(run_id))
    store.finish_run(run_id, RunState.PASSED, "", 0)
    seen.append(reader.mark(run_id))
    assert len(set(seen)) == len(seen)
    assert reader.mark(str(uuid4())) is None


def test_a_rejected_stage_shows_why(engine: Engine, ingest: Ingest, files: ArtifactStore, reader: Reader) -> None:
    run_id = a_run(engine)
    record = record_of(run_id, execution(files))
    ingest.reject(stage_of(engine, record), record, rejected())
    (stage,) = reader.resolve_run("latest").stages
    assert (stage.state, stage.reason) == (StageState.REJECTED, "T06 NO_TESTS: Expected at least 1; observed 12.")
    assert [check.code for check in stage.checks] == ["T01", "T06"]
    assert reader.stage_record(run_id, StageName.TEST) == record.model_dump(mode="json")
    assert reader.stage_record(run_id, StageName.BUILD) is None


def test_a_reused_stage_shows_the_checks_and_files_of_the_work(
    engine: Engine, ingest: Ingest, files: ArtifactStore, reader: Reader
) -> None:
    first, second = a_run(engine), a_run(engine)
    record = record_of(first, execution(files))
    ingest.accept(stage_of(engine, record), record, accepted())
    ingest.reuse(stage_of(engine, record, second), record)
    (stage,) = reader.resolve_run(second).stages
    assert (stage.state, stage.reused_from_run, len(stage.checks), len(stage.artifacts)) == ("reused", first, 2, 4)


def test_runs_are_found_by_name(engine: Engine, reader: Reader) -> None:
    with pytest.raises(UsageError, match="RUN_UNKNOWN"):
        reader.resolve_run("latest")
    store = RunStore(engine)
    known = {"repository": "/r", "requested_ref": "main", "trigger": "cli"}
    ids = ["aaaa1111-0000-4000-8000-000000000001", "aaaa2222-0000-4000-8000-000000000002"]
    for run_id, project in zip(ids, ("greeter", "other"), strict=True):
        store.open_run(run_id, project=project, **known)
    assert reader.resolve_run("latest").id == ids[1]
    assert reader.resolve_run("latest", project="greeter").id == ids[0]
    assert reader.resolve_run("AAAA1").id == ids[0]
    assert reader.resolve_run(ids[1]).state is RunState.QUEUED
    for name, code in (("aaaa", "RUN_UNCLEAR"), ("bbbb", "RUN_UNKNOWN"), ("aa%", "RUN_UNKNOWN"), ("", "RUN_UNKNOWN")):
        with pytest.raises(UsageError) as caught:
            reader.resolve_run(name)
        assert caught.value.code == code
    assert [run.id for run in reader.runs()] == [ids[1], ids[0]]
    assert [run.id for run in reader.runs(project="greeter")] == [ids[0]]
    assert [run.id for run in reader.runs(limit=1)] == [ids[1]]
    with pytest.raises(UsageError) as caught:
        reader.resolve_run("aaaa")
    assert [part.split(" (")[0] for part in caught.value.allowed.split("; ")] == ["aaaa2222-0000", "aaaa1111-0000"]
    store.open_run("bbbb1111-0000-4000-8000-000000000003", project="greeter", **known | {"requested_ref": "side"})
    assert reader.resolve_run("latest", branch="main").id == ids[1]
    assert reader.resolve_run("latest", "greeter", "main").id == ids[0]
    assert [run.id[:4] for run in reader.runs(branch="side")] == ["bbbb"]
    with pytest.raises(UsageError, match="project greeter branch none"):
        reader.resolve_run("latest", "greeter", "none")


def test_durations_are_the_newest_of_each_test(
    engine: Engine, ingest: Ingest, files: ArtifactStore, reader: Reader
) -> None:
    for statuses in (["passed"] * 4, ["passed", "passed", "skipped"]):
        record = record_of(a_run(engine), execution(files, statuses))
        ingest.accept(stage_of(engine, record), record, accepted())
    assert reader.durations(PROJECT) == {
        "tests.test_app::test_2[ü\ufffd]": 0.02,
        "tests.test_app::test_3": 0.03,
        "tests.test_app::test_4": 0.04,
    }
    assert reader.durations("other") == {}


def test_history_of_a_branch(engine: Engine, ingest: Ingest, reader: Reader) -> None:
    runs = [a_run(engine) for _ in range(3)]
    for run_id, size in zip(runs, (1000, 1200, 1100), strict=True):
        record = factories.build(run_id=run_id, size=size)
        ingest.accept(stage_of(engine, record), record, accepted(StageName.BUILD))
    found = reader.history(PROJECT, "main", "build.size", limit=2)
    assert [(point.run_id, point.value, point.unit) for point in found] == [
        (runs[2], 1100, "bytes"),
        (runs[1], 1200, "bytes"),
    ]
    assert reader.history(PROJECT, "other", "build.size") == ()


def test_environments_say_what_serves_and_who_is_at_work(engine: Engine, reader: Reader) -> None:
    journal, run_id = Journal(engine), a_run(engine)
    release = factories.release()
    port = journal.environment_port(PROJECT, "staging")
    with journal.lock(PROJECT, "staging", run_id, "deploy", 0) as lease:
        made = journal.begin_deployment(lease, run_id, PROJECT, "staging", release, None)
        (busy,) = reader.environments()
        assert (busy.release_digest, busy.locked_by_run, busy.locked_for) == (None, run_id, "deploy")
        journal.finish_deployment(lease, made, "serving")
    (view,) = reader.environments(PROJECT)
    assert (view.environment, view.target, view.port) == ("staging", "process", port)
    assert (view.release_digest, view.version, view.commit) == (release.digest, "1.4.0", factories.COMMIT)
    assert (view.locked_by_run, reader.environments("other")) == (None, ())
    assert reader.projects_with("staging") == (PROJECT,)


def test_a_database_that_is_away_is_said_at_once() -> None:
    engine = engine_for("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailableError) as caught:
        Reader(engine).runs()
    assert caught.value.code == "DATABASE_UNAVAILABLE"
    assert "127.0.0.1" in str(caught.value)
    assert "sluice up" in caught.value.next_step

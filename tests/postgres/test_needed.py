"""What a clean-up leaves alone, as the database tells it."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import Engine

from sluice.states import RunState
from sluice.store.needed import GOOD_RELEASES, needed
from sluice.store.runs import RunStore
from tests.postgres.parts import a_run, execute, one


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def served(engine: Engine, numbers: range, *, smoke: bool = True, environment: str = "staging") -> None:
    """Deploy releases one after the other."""
    a_run(engine)
    project = one(engine, "SELECT id FROM projects")
    execute(
        engine,
        "INSERT INTO environments (project_id, name) VALUES (:project, :name) ON CONFLICT DO NOTHING",
        project=project,
        name=environment,
    )
    place = one(engine, "SELECT id FROM environments WHERE name = :name", name=environment)
    for number in numbers:
        artifact = f'{{"artifact": {{"sha256": "{number:064x}"}}}}'
        execute(
            engine,
            "INSERT INTO releases (project_id, digest, kind, version, commit_sha, size, record) VALUES "
            "(:project, :digest, 'bundle', '1', :commit, 1, cast(:record AS jsonb)) ON CONFLICT DO NOTHING",
            project=project,
            digest=digest(number),
            commit="c" * 40,
            record=artifact,
        )
        execute(
            engine,
            "INSERT INTO deployments (id, project_id, environment_id, target, release_digest, fence, "
            "state, smoke_passed, ended_at) VALUES (:id, :project, :place, 'process', :digest, 1, "
            ":state, :smoke, clock_timestamp())",
            id=str(uuid4()),
            project=project,
            place=place,
            digest=digest(number),
            state="serving" if smoke else "failed",
            smoke=smoke,
        )


def test_the_last_good_releases_of_each_environment(engine: Engine) -> None:
    served(engine, range(1, 9))
    served(engine, range(20, 23), smoke=False)
    served(engine, range(2, 4), environment="production")
    last = {*range(9 - GOOD_RELEASES, 9), 2, 3}
    found = needed(engine)
    assert found.releases == {digest(number) for number in last}
    assert found.artifacts == {f"{number:064x}" for number in last}


def test_a_fenced_release_is_no_rollback_target(engine: Engine) -> None:
    served(engine, range(1, 3))
    execute(
        engine,
        "INSERT INTO release_fences (environment_id, release_digest, project_id, reason) "
        "SELECT id, :digest, project_id, 'bad' FROM environments",
        digest=digest(2),
    )
    assert needed(engine).releases == {digest(1)}
    execute(engine, "UPDATE release_fences SET lifted_at = now()")
    assert needed(engine).releases == {digest(1), digest(2)}


def test_the_newest_accepted_result_of_each_stage(engine: Engine) -> None:
    made = [a_run(engine) for _ in range(3)]
    for number, run in enumerate(made):
        stage = str(uuid4())
        state = "rejected" if number == 2 else "passed"
        execute(
            engine,
            "INSERT INTO stage_runs (id, run_id, stage, ordinal, state, key, record, started_at, ended_at) VALUES "
            "(:id, :run, 'test', 2, :state, :key, '{}', now(), now())",
            id=stage,
            run=run,
            state=state,
            key=f"{number:064x}",
        )
        execute(
            engine,
            "INSERT INTO stage_keys (stage_run_id, key, parts, produced_by) VALUES (:id, :key, '{}', :run)",
            id=stage,
            key=f"{number:064x}",
            run=run,
        )
        execute(engine, "INSERT INTO artifacts (sha256, size, media_type) VALUES (:a, 1, 'x')", a=f"{number:064x}")
        execute(
            engine,
            "INSERT INTO stage_artifacts (stage_run_id, name, sha256) VALUES (:id, 'report', :a)",
            id=stage,
            a=f"{number:064x}",
        )
    found = needed(engine)
    assert (found.producers, found.artifacts) == ({made[1]}, {f"{1:064x}"})


def test_when_the_oldest_open_run_began(engine: Engine) -> None:
    assert needed(engine).oldest_run is None
    runs = [a_run(engine) for _ in range(2)]
    first = one(engine, "SELECT min(created_at) FROM pipeline_runs")
    assert needed(engine).oldest_run == first
    for run in runs:
        RunStore(engine).finish_run(run, RunState.PASSED, "", 0)
    assert needed(engine).oldest_run is None

"""From record to rows: all or nothing, once, with the verdict and the lineage."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from sluice.artifacts import ArtifactCorruptError, ArtifactExistsError, ArtifactStore
from sluice.errors import InfrastructureError, SluiceError
from sluice.keys import key_of
from sluice.records.checks import BoundaryReport, CheckResult
from sluice.records.common import ArtifactRef, StageRecord
from sluice.records.testing import TestCell, TestExecution, TestRecord
from sluice.results.cases import COLUMNS as CASE_COLUMNS
from sluice.states import CheckStatus, RunState, Severity, StageName, StageState
from sluice.store.ingest import Ingest, RowsRefusedError, StageEndedError
from sluice.store.ingest.testing import RowsMissingError
from sluice.store.journal import Journal
from sluice.store.read import Reader
from sluice.store.runs import RunStore
from tests import factories
from tests.postgres.parts import PROJECT, a_run, one, rows

pytestmark = pytest.mark.postgres
STATUSES = ["passed"] * 10 + ["skipped", "xfailed"]


@pytest.fixture
def files(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def ingest(engine: Engine, files: ArtifactStore) -> Ingest:
    return Ingest(engine, files)


def check(code: str = "T01", status: CheckStatus = CheckStatus.PASSED) -> CheckResult:
    return CheckResult(
        code=code,
        name="NO_TESTS",
        severity=Severity.STOP,
        status=status,
        expectation="expect_column_values_to_be_between",
        expected="at least 1",
        observed="12",
        message="Expected at least 1; observed 12.",
    )


def accepted(stage: StageName = StageName.TEST) -> BoundaryReport:
    warning = check("T15", CheckStatus.NOT_ENOUGH_HISTORY)
    return BoundaryReport(boundary=stage, results=(check(), warning), seconds=0.03)


def rejected(stage: StageName = StageName.TEST) -> BoundaryReport:
    return BoundaryReport(boundary=stage, results=(check(), check("T06", CheckStatus.FAILED)), seconds=0.03)


def stage_of(engine: Engine, record: StageRecord, run_id: str | None = None) -> str:
    return RunStore(engine).start_stage(run_id or record.run_id, record.STAGE)


def put_cases(files: ArtifactStore, statuses: list[str], head: tuple[str, ...] = CASE_COLUMNS) -> ArtifactRef:
    buffer = io.StringIO()
    write = csv.writer(buffer, lineterminator="\n").writerow
    write(head)
    for number, status in enumerate(statuses, start=1):
        name = f"test_{number}[ü\0]" if number == 2 else f"test_{number}"
        line, seconds = ("", "") if number == 1 else (number, f"{number / 100:.9g}")
        write(
            (number, "pytest", "tests.test_app", name, "tests/test_app.py", line, status, seconds, "why", "a\nb", 1, "")
        )
    return files.put_bytes(buffer.getvalue().encode(), "cases.csv", "text/csv")


def put_coverage(files: ArtifactStore) -> ArtifactRef:
    text = "path,lines_valid,lines_covered,branches_valid,branches_covered,missing_lines,covered_lines\n"
    text += "app.py,100,90,20,15,7-16,1-6\n"
    return files.put_bytes(text.encode(), "coverage.csv", "text/csv")


def execution(files: ArtifactStore, statuses: list[str] = STATUSES, **fields: Any) -> TestExecution:
    counts = {
        "total": len(statuses),
        "passed": statuses.count("passed"),
        "flaky": statuses.count("flaky"),
        "failed": statuses.count("failed"),
        "skipped": statuses.count("skipped"),
        "xfailed": statuses.count("xfailed"),
    }
    covered = factories.coverage(files=put_coverage(files))
    return factories.execution(**counts | {"cases": put_cases(files, statuses), "coverage": covered} | fields)


def record_of(run_id: str, *executions: TestExecution, **fields: Any) -> TestRecord:
    return factories.run_of(*executions, run_id=run_id, **{"inputs": {"source": "s1", "python": "3.11"}} | fields)


def contents(engine: Engine) -> dict[str, list[Any]]:
    """Return every row of every table."""
    names = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = "
    found = rows(engine, names + "'public'::regnamespace")
    return {name: sorted(map(repr, rows(engine, f"SELECT t::text FROM {name} t"))) for (name,) in found}


def test_a_test_record_becomes_rows(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    run_id = a_run(engine)
    record = record_of(run_id, execution(files))
    stage = stage_of(engine, record)
    ingest.accept(stage, record, accepted())

    assert rows(engine, "SELECT state, headline, key, reused_from, tool_seconds, boundary_seconds FROM stage_runs") == [
        ("passed", record.headline(), key_of(record.inputs), None, 0.2, 0.03)
    ]
    ((stored, parts, took),) = rows(engine, "SELECT record, key_parts, rows_seconds FROM stage_runs")
    assert TestRecord.model_validate(stored) == record
    assert parts["source"] == "s1"
    assert 0 < took < 300
    query = """SELECT framework_name, cell, status, total_tests, passed_tests, failed_tests, skipped_tests,
               xfailed_tests, execution_time, lines_covered, command, end_time - start_time FROM test_executions"""
    assert rows(engine, query) == [
        (
            "pytest",
            "py3.11",
            "passed",
            12,
            10,
            0,
            1,
            1,
            1.9,
            90,
            list(record.executions[0].command),
            timedelta(seconds=2),
        )
    ]
    query = "SELECT ordinal, test_id, status, duration, file, line, message, detail FROM test_results ORDER BY ordinal"
    cases = rows(engine, query)
    assert len(cases) == 12
    assert cases[0] == (1, "tests.test_app::test_1", "passed", None, "tests/test_app.py", None, "why", "a\nb")
    assert cases[1][1:4] == ("tests.test_app::test_2[ü\ufffd]", "passed", 0.02)
    assert [case[2] for case in cases] == STATUSES
    assert rows(
        engine, "SELECT path, lines_valid, lines_covered, missing_lines, covered_lines FROM coverage_files"
    ) == [("app.py", 100, 90, "7-16", "1-6")]
    assert rows(engine, "SELECT code, status, ordinal FROM quality_checks ORDER BY ordinal") == [
        ("T01", "passed", 1),
        ("T15", "not_enough_history", 2),
    ]
    assert rows(engine, "SELECT name, version, exit_code, seconds FROM tool_uses") == [("git", "2.39.5", 0, 0.2)]
    names = {name for (name,) in rows(engine, "SELECT name FROM stage_artifacts")}
    assert names == {"report.xml", "cases.csv", "coverage.csv", "pytest.log"}
    assert one(engine, "SELECT count(*) FROM quarantine") == 0


def test_saying_it_again_changes_nothing(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    for record, report in everything(a_run(engine), files):
        stage = stage_of(engine, record)
        ingest.accept(stage, record, report)
        before = contents(engine)
        ingest.accept(stage, record, report)
        assert stage_of(engine, record) == stage
        assert contents(engine) == before, record.STAGE


def everything(run_id: str, files: ArtifactStore) -> list[tuple[StageRecord, BoundaryReport]]:
    honest: list[StageRecord] = [
        factories.checkout(run_id=run_id),
        record_of(run_id, execution(files)),
        factories.build(run_id=run_id),
        factories.scan(run_id=run_id),
        factories.deploy(run_id=run_id, deployment_id=str(uuid4())),
        factories.smoke(run_id=run_id),
        factories.rollback(run_id=run_id, rollback_id=str(uuid4())),
    ]
    return [(record, accepted(record.STAGE)) for record in honest]


def test_a_refused_row_leaves_nothing_of_any_table(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    run_id = a_run(engine)
    record = record_of(run_id, execution(files))
    lie = record.executions[0].model_copy(update={"ended_at": record.executions[0].started_at - timedelta(1)})
    stage = stage_of(engine, record)
    before = contents(engine)
    with pytest.raises(RowsRefusedError) as caught:
        ingest.accept(stage, record.model_copy(update={"executions": (lie,)}), accepted())
    assert caught.value.where == "test_executions.ck_test_executions_end_time_after_start_time"
    assert contents(engine) == before
    ingest.accept(stage, record, accepted())
    assert one(engine, "SELECT state FROM stage_runs") == "passed"


@pytest.mark.parametrize(
    ("cell", "where"),
    [
        ("-1", "test_results_2026_11.ck_test_results_duration"),
        ("inf", "test_results_2026_11.ck_test_results_duration"),
        ("nan", "test_results_2026_11.ck_test_results_duration"),
        ("soon", ""),
    ],
)
def test_a_case_that_cannot_be_leaves_nothing(
    engine: Engine, ingest: Ingest, files: ArtifactStore, cell: str, where: str
) -> None:
    good = put_cases(files, STATUSES)
    bad = files.put_bytes(files.read(good).replace(b",0.05,", f",{cell},".encode()), "cases.csv")
    record = record_of(a_run(engine), execution(files, cases=bad))
    stage = stage_of(engine, record)
    before = contents(engine)
    with pytest.raises(RowsRefusedError) as caught:
        ingest.accept(stage, record, accepted())
    assert where in caught.value.where
    assert contents(engine) == before


def test_cases_that_are_not_what_the_record_counts_are_refused(
    engine: Engine, ingest: Ingest, files: ArtifactStore
) -> None:
    run_id = a_run(engine)
    fewer = execution(files, cases=put_cases(files, STATUSES[:-1]))
    strange = execution(files, cases=put_cases(files, STATUSES, head=(*CASE_COLUMNS[:-1], "extra")))
    changed = execution(files, cases=put_cases(files, ["failed"] * 12))
    assert changed.cases is not None
    path = files.path(changed.cases.sha256)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"failed", b"passed"))
    gone = execution(files, cases=put_cases(files, ["error"] * 12))
    assert gone.cases is not None
    files.path(gone.cases.sha256).unlink()
    stage = stage_of(engine, record_of(run_id, fewer))
    before = contents(engine)
    for lie, error in (
        (fewer, RowsMissingError),
        (strange, RowsMissingError),
        (changed, ArtifactCorruptError),
        (gone, ArtifactCorruptError),
    ):
        with pytest.raises(error):
            ingest.accept(stage, record_of(run_id, lie), accepted())
        assert contents(engine) == before


def test_another_ending_is_refused(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    run_id = a_run(engine)
    record = record_of(run_id, execution(files))
    stage = stage_of(engine, record)
    ingest.accept(stage, record, accepted())
    before = contents(engine)
    with pytest.raises(StageEndedError):
        ingest.accept(stage, record.model_copy(update={"reason": "other"}), accepted())
    with pytest.raises(StageEndedError):
        ingest.reject(stage, record, rejected())
    assert contents(engine) == before


def test_a_run_that_was_taken_away_writes_no_more(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    run_id = a_run(engine)
    record = record_of(run_id, execution(files))
    stage = stage_of(engine, record)
    RunStore(engine).finish_run(run_id, RunState.LOST, "WORKER_LOST: gone", 20)
    before = contents(engine)
    with pytest.raises(StageEndedError, match="lost"):
        ingest.accept(stage, record, accepted())
    assert contents(engine) == before


def test_a_rejected_record_is_in_quarantine_and_nowhere_else(
    engine: Engine, ingest: Ingest, files: ArtifactStore
) -> None:
    run_id = a_run(engine)
    record = record_of(run_id, execution(files))
    stage = stage_of(engine, record)
    ingest.reject(stage, record, rejected())
    after = contents(engine)
    ingest.reject(stage, record, rejected())
    assert contents(engine) == after
    ((codes, stored, kept),) = rows(engine, "SELECT codes, record, artifacts FROM quarantine")
    assert codes == ["T06"]
    assert TestRecord.model_validate(stored) == record
    assert set(kept) == {"report.xml", "cases.csv", "coverage.csv", "pytest.log"}
    assert rows(engine, "SELECT state, reason, record FROM stage_runs") == [
        ("rejected", "T06 NO_TESTS: Expected at least 1; observed 12.", None)
    ]
    assert rows(engine, "SELECT code, status FROM quality_checks ORDER BY code") == [
        ("T01", "passed"),
        ("T06", "failed"),
    ]
    for table in ("test_executions", "test_results", "coverage_files", "stage_keys", "lineage_edges", "baselines"):
        assert one(engine, f"SELECT count(*) FROM {table}") == 0, table
    assert RunStore(engine).find_accepted(PROJECT, StageName.TEST, key_of(record.inputs)) is None
    with pytest.raises(SluiceError, match="NOT_ACCEPTED"):
        ingest.accept(stage, record, rejected())


def test_a_record_about_which_nothing_was_asked_is_rejected_by_name(
    engine: Engine, ingest: Ingest, files: ArtifactStore
) -> None:
    record = record_of(a_run(engine), execution(files))
    stage = stage_of(engine, record)
    ingest.reject(stage, record, BoundaryReport(boundary=StageName.TEST, results=(), seconds=0))
    assert one(engine, "SELECT codes FROM quarantine") == ["NOTHING_CHECKED"]
    assert one(engine, "SELECT reason FROM stage_runs") == "no check of the boundary was evaluated"


def test_a_red_record_is_true_and_is_not_reused(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    statuses = ["passed", "failed"]
    red = execution(files, statuses, exit_code=1)
    record = record_of(a_run(engine), red)
    ingest.accept(stage_of(engine, record), record, accepted())
    assert rows(engine, "SELECT state, reason FROM stage_runs") == [("failed", "3 red")]
    assert one(engine, "SELECT status FROM test_executions") == "failed"
    assert one(engine, "SELECT count(*) FROM baselines") == 0
    assert RunStore(engine).find_accepted(PROJECT, StageName.TEST, key_of(record.inputs)) is None


def test_a_reused_record_is_a_link_without_rows_of_its_own(
    engine: Engine, ingest: Ingest, files: ArtifactStore
) -> None:
    store = RunStore(engine)
    first, second, third = a_run(engine), a_run(engine), a_run(engine)
    record = record_of(first, execution(files))
    producer = stage_of(engine, record)
    ingest.accept(producer, record, accepted())
    store.set_commit(second, commit="a" * 40, ref_kind="branch", ref_name="main")
    before = contents(engine)
    for run_id in (second, third):
        stage = stage_of(engine, record, run_id)
        ingest.reuse(stage, record)
        ingest.reuse(stage, record)
        query = "SELECT state, reused_from::text, headline, key, tool_seconds FROM stage_runs WHERE id = :id"
        assert rows(engine, query, id=stage) == [("reused", producer, record.headline(), key_of(record.inputs), 0.0)]
    changed = {name for name, found in contents(engine).items() if found != before[name]}
    assert changed == {"stage_runs", "lineage_edges"}
    assert rows(engine, "SELECT from_kind, from_id, relation, to_kind, to_id FROM lineage_edges") == [
        ("commit", "a" * 40, "tested_by", "test", producer)
    ]
    found = store.find_accepted(PROJECT, StageName.TEST, key_of(record.inputs))
    assert found is not None
    assert (found.run_id, found.stage_run_id) == (first, producer)
    assert len(found.artifacts) == 4
    assert one(engine, "SELECT reused_from_run::text FROM v_stages WHERE run_id = :id", id=second) == first


def test_what_was_judged_again_is_kept_with_the_link(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    first, second, third = a_run(engine), a_run(engine), a_run(engine)
    record = record_of(first, execution(files))
    producer = stage_of(engine, record)
    ingest.accept(producer, record, accepted())
    again = BoundaryReport(boundary=StageName.TEST, results=(check("T13"),), seconds=0.02)
    stage = stage_of(engine, record, second)
    for _ in range(2):
        ingest.reuse(stage, record, again)
    query = "SELECT code FROM quality_checks WHERE stage_run_id = :id"
    assert rows(engine, query, id=stage) == [("T13",)]
    (view,) = Reader(engine).resolve_run(second).stages
    made, judged = [each.code for each in accepted().results], [each.code for each in view.checks]
    assert judged == ["T13", *(code for code in made if code != "T13")]
    assert rows(engine, "SELECT state, boundary_seconds FROM stage_runs WHERE id = :id", id=stage) == [("reused", 0.02)]

    stopped = stage_of(engine, record, third)
    ingest.reject(stopped, record, rejected())
    query = "SELECT state, tool_seconds, record FROM stage_runs WHERE id = :id"
    assert rows(engine, query, id=stopped) == [("rejected", 0.0, None)]
    assert one(engine, "SELECT codes FROM quarantine WHERE stage_run_id = :id", id=stopped) == ["T06"]
    assert one(engine, "SELECT state FROM stage_runs WHERE id = :id", id=producer) == "passed"
    assert one(engine, "SELECT count(*) FROM test_executions") == 1
    found = RunStore(engine).find_accepted(PROJECT, StageName.TEST, key_of(record.inputs))
    assert found is not None
    assert found.run_id == first


def test_what_was_never_accepted_cannot_be_reused(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    first, second = a_run(engine), a_run(engine)
    record = record_of(first, execution(files))
    ingest.reject(stage_of(engine, record), record, rejected())
    with pytest.raises(InfrastructureError, match="REUSE_UNKNOWN"):
        ingest.reuse(stage_of(engine, record, second), record)
    assert one(engine, "SELECT state FROM stage_runs WHERE run_id = :id", id=second) == "running"


def test_the_cells_of_a_matrix_are_found_one_by_one(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    store = RunStore(engine)
    first, second = a_run(engine), a_run(engine)

    def cell(run_id: str, label: str) -> TestRecord:
        made = execution(files, cell=TestCell(label=label))
        return record_of(run_id, made, inputs={"source": "s1" if run_id == first else "s2", "cell": label})

    old = [cell(first, "py3.11"), cell(first, "py3.12")]
    merged = record_of(first, *(each for part in old for each in part.executions), inputs={"source": "s1"})
    ingest.accept(stage_of(engine, merged), merged, accepted(), cells=old)
    assert one(engine, "SELECT count(*) FROM test_executions") == 2
    for part in old:
        found = store.find_accepted(PROJECT, StageName.TEST, key_of(part.inputs))
        assert found is not None
        assert found.run_id == first

    mixed = [old[0], cell(second, "py3.12")]
    merged = record_of(second, *(each for part in mixed for each in part.executions), inputs={"source": "s2"})
    ingest.accept(stage_of(engine, merged), merged, accepted(), cells=mixed)
    assert rows(engine, "SELECT run_id::text, cell FROM v_executions ORDER BY run_number, cell") == [
        (first, "py3.11"),
        (first, "py3.12"),
        (second, "py3.12"),
    ]
    producers = [store.find_accepted(PROJECT, StageName.TEST, key_of(part.inputs)) for part in mixed]
    assert [each.run_id for each in producers if each] == [first, second]
    assert one(engine, "SELECT tool_seconds FROM stage_runs WHERE run_id = :id", id=second) == 0.2


def test_other_stages_become_rows(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    run_id = a_run(engine)
    RunStore(engine).set_commit(run_id, commit=factories.COMMIT, ref_kind="branch", ref_name="main")
    journal = Journal(engine)
    with journal.lock(PROJECT, "staging", run_id, "deploy", 0) as lease:
        release = factories.release()
        deployment = journal.begin_deployment(lease, run_id, PROJECT, "staging", release, None)
        journal.finish_deployment(lease, deployment, "serving")
        rollback = journal.begin_rollback(lease, run_id, PROJECT, "staging", release, release, "by hand")
    known = {StageName.DEPLOY: {"deployment_id": deployment}, StageName.ROLLBACK: {"rollback_id": rollback}}
    for honest, report in everything(run_id, files):
        record = honest.model_copy(update=known.get(honest.STAGE, {}))
        ingest.accept(stage_of(engine, record), record, report)
    digest = factories.DIGEST
    assert rows(engine, "SELECT sha, subject, parents, author_name FROM commits") == [
        (factories.COMMIT, "Greet politely", [factories.PARENT], "Ada")
    ]
    assert rows(engine, "SELECT path, change, additions, lines FROM changed_files") == [
        ("greeter/app.py", "M", 3, "3-4,9")
    ]
    assert rows(engine, "SELECT digest, version, size FROM releases") == [(digest, "1.4.0", 2048)]
    assert rows(engine, "SELECT rule, severity, tools, waived, blocking FROM findings") == [
        ("B311", "medium", ["bandit"], False, False)
    ]
    assert rows(engine, "SELECT name, status, reason FROM scanner_runs ORDER BY name") == [
        ("bandit", "ok", ""),
        ("hadolint", "not_run", "no Dockerfile"),
        ("trivy", "ok", ""),
    ]
    assert rows(engine, "SELECT name, version, type FROM packages") == [("flask", "3.1.0", "pypi")]
    query = "SELECT s.stage, h.replica, h.healthy FROM health_checks h JOIN stage_runs s ON s.id = h.stage_run_id"
    assert rows(engine, query + " ORDER BY 1, 2") == [
        ("deploy", "greeter-1", True),
        ("deploy", "greeter-2", True),
        ("rollback", "greeter-1", True),
        ("rollback", "greeter-2", True),
    ]
    assert rows(engine, "SELECT kind, name, passed, samples FROM smoke_results ORDER BY kind, ordinal") == [
        ("check", "GET /healthz", True, None),
        ("check", "version", True, None),
        ("threshold", "http_req_failed", True, 240),
        ("validation", "GET /healthz", True, None),
    ]
    assert one(engine, "SELECT smoke_passed FROM deployments") is True
    stages = dict(rows(engine, "SELECT stage, id::text FROM stage_runs"))
    edges = rows(engine, "SELECT from_kind, from_id, relation, to_kind, to_id FROM lineage_edges")
    assert set(edges) == {
        ("commit", factories.COMMIT, "tested_by", "test", stages["test"]),
        ("commit", factories.COMMIT, "built_into", "release", digest),
        ("test", stages["test"], "proves", "release", digest),
        ("release", digest, "scanned_by", "scan", stages["scan"]),
        ("release", digest, "deployed_as", "deployment", deployment),
        ("scan", stages["scan"], "clears", "deployment", deployment),
        ("deployment", deployment, "smoked_by", "smoke", stages["smoke"]),
        ("deployment", deployment, "undone_by", "rollback", rollback),
        ("rollback", rollback, "restores", "release", digest),
    }
    assert one(engine, "SELECT count(*) FROM stage_runs WHERE state = 'passed'") == 7


def test_a_candidate_that_took_over_is_told_once_more(engine: Engine, ingest: Ingest) -> None:
    run_id, deployment = a_run(engine), str(uuid4())
    candidate = factories.deploy(
        run_id=run_id,
        deployment_id=deployment,
        candidate_address="http://127.0.0.1:42999",
        replicas=(factories.replica(1, restarts=1),),
    )
    serving = factories.deploy(run_id=run_id, deployment_id=deployment)
    stage = stage_of(engine, candidate)
    report = accepted(StageName.DEPLOY)
    ingest.accept(stage, candidate, report)
    ingest.accept(stage, serving, report)
    after = contents(engine)
    ingest.accept(stage, serving, report)
    assert contents(engine) == after
    assert rows(engine, "SELECT replica, restarts FROM health_checks ORDER BY 1") == [
        ("greeter-1", 0),
        ("greeter-2", 0),
    ]
    assert one(engine, "SELECT headline FROM stage_runs") == serving.headline()
    with pytest.raises(StageEndedError):
        ingest.accept(stage, candidate, report)


def test_a_candidate_that_took_over_badly_is_rejected_after_all(engine: Engine, ingest: Ingest) -> None:
    run_id, deployment = a_run(engine), str(uuid4())
    candidate = factories.deploy(run_id=run_id, deployment_id=deployment, candidate_address="http://127.0.0.1:42999")
    stage = stage_of(engine, candidate)
    ingest.accept(stage, candidate, accepted(StageName.DEPLOY))
    bad = factories.deploy(run_id=run_id, deployment_id=deployment, running_digests=())
    ingest.reject(stage, bad, rejected(StageName.DEPLOY))
    ingest.reject(stage, bad, rejected(StageName.DEPLOY))
    assert one(engine, "SELECT state FROM stage_runs") == "rejected"
    assert one(engine, "SELECT count(*) FROM quarantine") == 1


def test_text_that_postgres_cannot_hold_is_mended_not_lost(engine: Engine, ingest: Ingest) -> None:
    run_id = a_run(engine)
    record = factories.checkout(run_id=run_id, subject="nul \0 and half \udc80 and ü", author_name="\0")
    ingest.accept(stage_of(engine, record), record, accepted(StageName.CHECKOUT))
    assert rows(engine, "SELECT subject, author_name FROM commits") == [("nul \ufffd and half \ufffd and ü", "\ufffd")]


def build_sizes(engine: Engine, ingest: Ingest, sizes: Iterable[int]) -> None:
    for size in sizes:
        record = factories.build(run_id=a_run(engine), size=size)
        ingest.accept(stage_of(engine, record), record, accepted(StageName.BUILD))


def test_baselines_are_median_and_mad_of_what_the_figures_say(engine: Engine, ingest: Ingest) -> None:
    build_sizes(engine, ingest, [1000, 1200, 9000, 1100])
    query = "SELECT samples, recent, median, mad, lowest, highest, latest FROM baselines WHERE metric = 'build.size'"
    assert rows(engine, query) == [(4, [1000, 1200, 9000, 1100], 1150, 100, 1000, 9000, 1100)]
    query = "SELECT value, usual, deviation FROM v_metrics WHERE metric = 'build.size' ORDER BY run_number"
    usual = (pytest.approx(1150), pytest.approx(148.26))
    assert rows(engine, query) == [(size, *usual) for size in (1000, 1200, 9000, 1100)]


def test_a_baseline_looks_back_thirty_runs(engine: Engine, ingest: Ingest) -> None:
    build_sizes(engine, ingest, range(1, 36))
    query = "SELECT samples, recent, median, mad, lowest, highest FROM baselines WHERE metric = 'build.size'"
    assert rows(engine, query) == [(35, list(range(6, 36)), 20.5, 7.5, 6, 35)]


def test_a_baseline_outlives_the_run_that_it_was_learned_from(engine: Engine, ingest: Ingest) -> None:
    build_sizes(engine, ingest, [1000])
    with engine.begin() as connection:
        connection.execute(text("UPDATE releases SET stage_run_id = NULL"))
        connection.execute(text("DELETE FROM pipeline_runs"))
    query = "SELECT samples, latest, stage_run_id FROM baselines WHERE metric = 'build.size'"
    assert rows(engine, query) == [(1, 1000, None)]


def test_a_hundred_thousand_cases(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    record = record_of(a_run(engine), execution(files, ["passed"] * 100_000))
    stage = stage_of(engine, record)
    ingest.accept(stage, record, accepted())
    assert one(engine, "SELECT count(*) FROM test_results") == 100_000


def test_a_skipped_stage_has_a_record_and_no_executions(engine: Engine, ingest: Ingest) -> None:
    run_id = a_run(engine)
    record = TestRecord(
        run_id=run_id,
        started_at=factories.STARTED,
        ended_at=factories.ENDED,
        passed=True,
        skipped=True,
        reason="a data-only repository",
        commit=factories.COMMIT,
        executions=(),
    )
    ingest.accept(stage_of(engine, record), record, accepted())
    assert rows(engine, "SELECT state, reason FROM stage_runs") == [(StageState.SKIPPED, "a data-only repository")]
    assert one(engine, "SELECT count(*) FROM test_executions") == 0


def test_every_row_of_a_run_goes_with_it(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    """The foreign keys of stage rows cascade: retention can drop a run in one statement."""
    run_id = a_run(engine)
    for record, report in everything(run_id, files)[:4]:
        ingest.accept(stage_of(engine, record), record, report)
    with engine.begin() as connection:
        connection.execute(text("UPDATE releases SET stage_run_id = NULL"))
        connection.execute(text("DELETE FROM pipeline_runs"))
    assert one(engine, "SELECT count(*) FROM quality_checks") == 0
    assert one(engine, "SELECT count(*) FROM coverage_files") == 0


def test_two_files_of_one_name_are_refused(engine: Engine, ingest: Ingest, files: ArtifactStore) -> None:
    run_id = a_run(engine)
    twins = (files.put_bytes(b"one", "twin.txt"), files.put_bytes(b"two", "twin.txt"))
    record = factories.build(run_id=run_id, artifacts=twins)
    stage = stage_of(engine, record)
    report = accepted(StageName.BUILD)
    with pytest.raises(ArtifactExistsError, match="ARTIFACT_EXISTS: two files of one stage have one name"):
        ingest.accept(stage, record, report)
    assert rows(engine, "SELECT count(*) FROM stage_artifacts") == [(0,)]
    same = (twins[0], files.put_bytes(b"one", "twin.txt"))
    ingest.accept(stage, factories.build(run_id=run_id, artifacts=same), report)
    assert rows(engine, "SELECT count(*) FROM stage_artifacts WHERE name = 'twin.txt'") == [(1,)]

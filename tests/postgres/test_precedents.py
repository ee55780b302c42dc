"""What earlier accepted runs established; what was rejected or belongs to somebody else does not count."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sluice.artifacts import ArtifactStore
from sluice.records.build import BuildRecord
from sluice.states import StageName
from sluice.store.ingest import Ingest
from sluice.store.precedents import Precedents
from sluice.store.runs import RunStore
from tests import factories
from tests.postgres.parts import PROJECT, a_run
from tests.postgres.test_ingest import accepted, rejected, stage_of

pytestmark = pytest.mark.postgres
OLD, NEW = "sha256:" + "3" * 64, "sha256:" + "4" * 64


@pytest.fixture
def ingest(engine: Engine, tmp_path: Path) -> Ingest:
    return Ingest(engine, ArtifactStore(tmp_path / "artifacts"))


def a_build(ingest: Ingest, ref: str, kind: str, digest: str, *, good: bool = True, **more: Any) -> BuildRecord:
    run_id = a_run(ingest.engine, project=more.pop("project", PROJECT))
    RunStore(ingest.engine).set_commit(run_id, commit=factories.COMMIT, ref_kind=kind, ref_name=ref)
    record = factories.build(run_id=run_id, release=factories.release(digest=digest), **more)
    stage = stage_of(ingest.engine, record)
    if good:
        ingest.accept(stage, record, accepted(StageName.BUILD))
    else:
        ingest.reject(stage, record, rejected(StageName.BUILD))
    return record


def test_a_tag_remembers_the_releases_that_were_accepted_under_it(ingest: Ingest) -> None:
    a_build(ingest, "v1.0", "tag", OLD)
    a_build(ingest, "v1.0", "tag", NEW, good=False)
    a_build(ingest, "v1.0", "branch", NEW)
    a_build(ingest, "v1.1", "tag", NEW)
    a_build(ingest, "v1.0", "tag", NEW, project="another")
    assert Precedents(ingest.engine, PROJECT, "v1.0").tag_digests("v1.0") == (OLD,)
    assert Precedents(ingest.engine, PROJECT, "v2.0").tag_digests("v2.0") == ()


def test_the_base_is_that_of_the_branch_else_of_any(ingest: Ingest) -> None:
    assert Precedents(ingest.engine, PROJECT, "main").base() == ""
    a_build(ingest, "main", "branch", OLD, base="CPython 3.11.1 linux")
    a_build(ingest, "topic", "branch", NEW, base="CPython 3.12.0 linux")
    a_build(ingest, "main", "branch", NEW, base="CPython 3.13.0 linux", good=False)
    assert Precedents(ingest.engine, PROJECT, "main").base() == "CPython 3.11.1 linux"
    assert Precedents(ingest.engine, PROJECT, "new").base() == "CPython 3.12.0 linux"


def a_scan(ingest: Ingest, ref: str, *fingerprints: str, passed: bool = True, day: int = 0) -> str:
    run_id = a_run(ingest.engine)
    RunStore(ingest.engine).set_commit(run_id, commit=factories.COMMIT, ref_kind="branch", ref_name=ref)
    found = tuple(factories.finding(fingerprint=name) for name in fingerprints)
    ended = factories.ENDED + timedelta(days=day)
    known: dict[str, Any] = {"run_id": run_id, "findings": found, "findings_total": len(found), "ended_at": ended}
    record = factories.scan(**known, passed=passed, reason="" if passed else "red")
    ingest.accept(stage_of(ingest.engine, record), record, accepted(StageName.SCAN))
    return run_id


def test_the_base_of_findings_is_the_newest_scan_of_the_branch_that_passed(ingest: Ingest) -> None:
    precedents = Precedents(ingest.engine, PROJECT, "topic")
    assert precedents.findings("main", factories.RUN) == {}
    a_scan(ingest, "main", "old", "gone")
    newest = a_scan(ingest, "main", "old", "later", day=2)
    a_scan(ingest, "main", "red", passed=False)
    a_scan(ingest, "topic", "topical")
    found = precedents.findings("main", factories.RUN)
    first = factories.ENDED.date()
    assert found == {"old": ("medium", first), "later": ("medium", first + timedelta(days=2))}
    assert precedents.findings("main", newest).keys() == {"old", "gone"}, "a run is not its own base"

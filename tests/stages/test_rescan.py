"""What runs is looked at again with newer vulnerability data: real Trivy, a real bill of materials, real rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import Engine

from sluice.cli import findings as command
from sluice.config.model import ScanConfig
from sluice.records.rescan import Rescan
from sluice.records.scan import ScanRecord
from sluice.services.rescan import rescan_all
from sluice.store.engine import engine_for
from sluice.store.rescans import running_findings
from tests.postgres.parts import rows
from tests.postgres.story import Story
from tests.postgres_server import TEMPLATE, PostgresServer, migrated_postgres
from tests.scan_parts import Bench, database

FILES = {"requirements.txt": "flask==0.12\njinja2==2.10\n"}
ADVISORY = "CVE-2019-10906"  # of jinja2 2.10


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with migrated_postgres() as server:
        yield server


def older(folder: Path) -> Path:
    """Vulnerability data in which the advisories of jinja2 are those of a package that nobody has."""
    data = folder / "trivy.db"
    data.write_bytes(data.read_bytes().replace(b"jinja2", b"jinjb2"))
    return folder


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(older(database(tmp_path / "then"))))
    return Bench(tmp_path)


@pytest.fixture
def engine(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with server.database(TEMPLATE) as url:
        engine = engine_for(url)
        monkeypatch.setattr("sluice.database.database", lambda: engine)
        yield engine
        engine.dispose()


def deployed(engine: Engine, record: ScanRecord) -> None:
    """Write an accepted scan and let its release serve in production."""
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        story = Story(connection)
        commit = story.commit("shop", "one", 10, "Ada", "Add")
        run = story.run("shop", 10, commit)
        digest = story.release("shop", "1.0", commit)
        sbom = record.sbom.model_dump(mode="json") if record.sbom else None
        looked = {"vulnerabilities_scanned": record.vulnerabilities_scanned}
        stage = story.stage(run, "scan", 10, subject_digest=digest, sbom=sbom, **looked)
        for each in record.findings:
            known = each.model_dump(mode="json") | {"tools": list(each.tools), "waived": False, "blocking": False}
            story.put(
                "findings", stage_run_id=stage, project_id=story.project("shop"), found_at=story.ago(9.9), **known
            )
        story.move(run, "shop", "production", digest, 9)


def rules(look: Rescan) -> set[str]:
    return {each.rule for each in look.new}


def test_an_advisory_that_came_later_is_found_and_told_once(
    bench: Bench, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = bench.scan(FILES, ScanConfig(scanners=("trivy",), gate="none"))
    assert ADVISORY not in {each.rule for each in record.findings}
    deployed(engine, record)

    (same,) = rescan_all(lambda _: None)
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(database(tmp_path / "now")))
    (first,) = rescan_all(lambda _: None)
    (second,) = rescan_all(lambda _: None)

    assert (same.problem, rules(same), len(same.findings)) == ("", set(), 3)
    assert (first.packages, {each.package for each in first.new}) == (2, {"jinja2"})
    assert ADVISORY in rules(first)
    assert (rules(second), second.untold) == (rules(first), ())
    assert f"told for the first time: {first.untold[0].rule} in jinja2 2.10" in str(first)
    events = rows(engine, "SELECT detail ->> 'rule' FROM audit_events WHERE action = 'new_finding'")
    assert {rule for (rule,) in events} == rules(first)
    assert len(events) == len(first.new)

    found = running_findings(engine, cve=ADVISORY)
    assert [(row["environment"], row["seen_by"], row["version"]) for row in found] == [("production", "rescan", "2.10")]
    everything = running_findings(engine, project="shop", environment="production")
    assert {row["seen_by"] for row in everything if row["package"] == "flask"} == {"scan"}
    assert len({row["fingerprint"] for row in everything}) == len(everything), "each once"
    assert running_findings(engine, environment="staging") == []


def test_data_that_is_too_old_finds_nothing_and_says_so(
    bench: Bench, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(engine, bench.scan(FILES, ScanConfig(scanners=("trivy",), gate="none")))
    monkeypatch.setenv("SLUICE_TRIVY_DB", str(database(tmp_path / "old", age_days=30)))

    (look,) = rescan_all(lambda _: None)

    assert look.problem.startswith("SCANNER_DB_STALE: the vulnerability data is 30.0 days old, allowed: 7")
    assert rows(engine, "SELECT problem <> '' FROM rescans") == [(True,)]


def test_a_changed_or_missing_bill_of_materials_is_said(bench: Bench, engine: Engine) -> None:
    record = bench.scan(FILES, ScanConfig(scanners=("trivy",), gate="none"))
    deployed(engine, record)
    assert record.sbom is not None
    path = bench.home.artifacts / record.sbom.sha256[:2] / record.sbom.sha256
    path.chmod(0o644)
    path.write_text("{}")

    (look,) = rescan_all(lambda _: None)

    assert look.problem.startswith("ARTIFACT_CORRUPT")


def test_the_command_names_where_and_since_when(
    bench: Bench, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed(engine, bench.scan(FILES, ScanConfig(scanners=("trivy",), gate="none")))
    asked = SimpleNamespace(environment=None, project=None, cve="CVE-2018-1000656", running=True)

    command.findings(**vars(asked), as_json=True)
    (told,) = json.loads(capsys.readouterr().out)
    command.findings(**vars(asked), as_json=False)
    line = " ".join(capsys.readouterr().out.split())

    assert (told["project"], told["environment"], told["package"]) == ("shop", "production", "flask")
    assert "shop production CVE-2018-1000656 flask 0.12" in line
    assert "known for 9 days" in line
    command.findings(None, None, "CVE-1", running=False, as_json=False)
    assert capsys.readouterr().out == "CVE-1 runs nowhere.\n"


def test_what_was_never_looked_at_is_not_called_free_of_it(
    bench: Bench, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed(engine, bench.scan(FILES, ScanConfig(scanners=("bandit",), gate="none")))
    blind = "Never looked through for vulnerabilities: shop production. Set SLUICE_TRIVY_DB and run again.\n"

    command.findings(None, None, "CVE-2018-1000656", running=False, as_json=False)
    assert capsys.readouterr().out == f"CVE-2018-1000656 is not known of what runs.\n{blind}"
    command.findings("production", None, None, running=False, as_json=False)
    assert capsys.readouterr().out.endswith(blind)
    command.findings("staging", None, "CVE-2018-1000656", running=False, as_json=False)
    assert capsys.readouterr().out == "CVE-2018-1000656 runs nowhere here.\n"

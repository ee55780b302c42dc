"""The report of a run, from real rows: what is new, what the change covers, its lineage; hostile names are text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sluice.artifacts import ArtifactStore
from sluice.cli.report_sections import canary_lines, change_lines
from sluice.logs.shipper import LogShipper
from sluice.records.testing import FailedTest
from sluice.report.changed_lines import CoveredFile
from sluice.report.collect import collect
from sluice.report.document import Report, plain_data
from sluice.report.html import render
from sluice.settings import Home
from sluice.states import RunState, StageName
from sluice.store.ingest import Ingest
from sluice.store.journal import Journal
from sluice.store.read import Reader
from sluice.store.runs import RunStore
from tests import factories
from tests.postgres.parts import a_run
from tests.postgres.test_ingest import accepted, execution, record_of, rejected, stage_of

pytestmark = pytest.mark.postgres

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m\u202e\"'&</pre><script>alert(2)</script>"
SECTIONS = "waivers stages tests change findings release deployment smoke rollback checks lineage"
FIELDS = "version run tests findings release deployment smoke rollback waivers lineage"
CONFIG = {
    "waivers": [{"code": "T02", "reason": "moved to another repository", "owner": "ada", "expires": "2020-01-31"}],
    "scan": {
        "waivers": [{"fingerprint": "f-001", "reason": "no secret is made", "owner": "bob", "expires": "2999-01-31"}]
    },
}


class World:
    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.home = Home(folder).make()
        self.files = ArtifactStore(self.home.artifacts)
        self.ingest = Ingest(engine, self.files)
        self.store = RunStore(engine)

    def run(self, branch: str = "main", **fields: Any) -> str:
        run_id = a_run(self.engine, requested_ref=branch, **fields)
        self.store.set_commit(run_id, commit=factories.COMMIT, ref_kind="branch", ref_name=branch)
        self.store.set_plan(run_id, {}, CONFIG)
        return run_id

    def accept(self, *records: Any) -> None:
        for record in records:
            self.ingest.accept(stage_of(self.engine, record), record, accepted(record.STAGE))

    def report(self, run_id: str) -> Report:
        reader = Reader(self.engine)
        return collect(reader, reader.resolve_run(run_id))


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> World:
    return World(engine, tmp_path)


def found(*fingerprints: str, **fields: Any) -> dict[str, Any]:
    problems = tuple(factories.finding(fingerprint=each, **fields) for each in fingerprints)
    return {"findings": problems, "findings_total": len(problems)}


def test_what_is_new_what_is_old_and_what_is_gone(world: World) -> None:
    base, other, mine = world.run(), world.run("side"), world.run("feature")
    world.accept(factories.scan(run_id=base, **found("old", "gone")))
    world.accept(factories.scan(run_id=other, **found("elsewhere")))
    lie = factories.scan(run_id=world.run(), **found("new"))
    world.ingest.reject(stage_of(world.engine, lie), lie, rejected(StageName.SCAN))
    world.accept(factories.checkout(run_id=mine), factories.scan(run_id=mine, **found("old", "new")))
    findings = world.report(mine).findings
    assert findings is not None
    assert findings.base is not None
    assert (findings.base.run_id, findings.base.branch, findings.base.commit) == (base, "main", factories.COMMIT)
    kinds = (findings.new, findings.old, findings.gone)
    assert [[each.fingerprint for each in kind] for kind in kinds] == [["new"], ["old"], ["gone"]]
    first = world.report(base).findings
    assert first is not None
    assert (first.base, first.new, len(first.old)) == (None, (), 2)


def test_coverage_of_the_change(world: World) -> None:
    run_id = world.run()
    changed = (factories.ChangedFile(path="app.py", change="M", additions=4, deletions=0, lines="5-8"),)
    record = record_of(run_id, execution(world.files))
    world.accept(factories.checkout(run_id=run_id, changed_files=changed), record)
    tests = world.report(run_id).tests
    assert tests is not None
    assert tests.change is not None
    assert tests.change.files == (CoveredFile("app.py", 4, 2, "7-8"),)
    assert tests.change_gate is None
    world.store.set_plan(run_id, {}, {"test": {"coverage": {"changed_lines": 80.0}}})
    gated = world.report(run_id)
    assert gated.tests is not None
    assert gated.tests.change_gate == 80.0
    assert "; the gate is 80 %" in render(gated)
    told = [line.plain for line in change_lines(tests.change, 80.0)]
    assert told[0] == "  change: 50% covered, 2 of 4 lines that it wrote; the gate is 80 %"
    again = world.run()
    world.ingest.reuse(stage_of(world.engine, record, again), record)
    world.accept(factories.checkout(run_id=again, changed_files=changed))
    assert world.report(again).tests == tests


def test_red_tests_come_with_the_end_of_the_log(world: World, tmp_path: Path) -> None:
    run_id = world.run()
    folder = tmp_path / "another-machine"
    folder.mkdir()
    log = folder / "test.log"
    log.write_bytes(b"early\n" * 20_000 + b"\x1b[31mE   1 != 2\x1b[0m\nlast \xff line\n")
    red = FailedTest(id="tests.test_app::test_2", status="failed", message="1 != 2", detail="…", cell="py3.11")
    record = record_of(run_id, execution(world.files, ["passed", "failed"], exit_code=1), failures=(red,))
    world.accept(record)
    assert world.report(run_id).tests.log == ()  # type: ignore[union-attr]
    LogShipper(world.engine, run_id, folder).store()
    with log.open("ab") as more:
        more.write(b"after\n" * 3)
    LogShipper(world.engine, run_id, folder).store()  # pieces of any size
    log.unlink()
    tests = world.report(run_id).tests
    assert tests is not None
    assert [each.id for each in tests.failed] == ["tests.test_app::test_2"]
    assert (tests.failed_total, len(tests.log)) == (1, 30)
    assert tests.log[-6:] == ("early", "E   1 != 2", "last \ufffd line", "after", "after", "after")


def test_waivers_are_shown_with_those_that_expired_first(world: World) -> None:
    waivers = world.report(world.run()).waivers
    assert [(each.kind, each.subject, each.expired) for each in waivers] == [
        ("check", "T02", True),
        ("finding", "f-001", False),
    ]


def test_the_steps_of_a_canary_are_shown_though_it_was_stopped(world: World) -> None:
    run_id = world.run()
    journal = Journal(world.engine)
    with journal.lock("greeter", "staging", run_id, "deploy", 0.0) as lease:
        record = factories.deploy(run_id=run_id, deployment_id="d0000000-0000-4000-8000-000000000002")
        world.accept(record)
        made = journal.begin_deployment(lease, run_id, "greeter", "staging", record.release, None)
        journal.canary_step(lease, made, factories.canary_step())
        bad = factories.canary_step(ordinal=2, weight=25, verdict="worse", reason=HOSTILE.replace("\x1b", ""))
        journal.canary_step(lease, made, bad)
    report = world.report(run_id)
    assert report.deployment is not None
    assert [(each.weight, each.verdict) for each in report.deployment.canary] == [(5, "no worse"), (25, "worse")]
    lines = [line.plain for line in canary_lines(report.deployment.canary)]
    assert lines[0] == (
        "  canary 5 %: no worse after 60 s, 12 of 300 failed, 228 of 5700 of the old; p95 0.021 s, 0.02 s of the old"
    )
    assert lines[1].startswith("  canary 25 %: worse after 60 s, <img src=x onerror=alert(1)>[31m<U+202E>")
    data = plain_data(report)["deployment"]["canary"]
    assert (data[0]["new_requests"], data[0]["old_p95"]) == (300, 0.02)
    page = Page(render(report))
    assert "no worse5 %300, 570012, 228" in page.words.replace("\n", "")
    assert "img" not in page.tags
    assert world.report(world.run()).deployment is None


def whole(world: World) -> Report:
    run_id = world.run(branch=HOSTILE, requested_by=HOSTILE)
    red = FailedTest(id=HOSTILE, status="failed", message=HOSTILE, detail=HOSTILE, cell=HOSTILE)
    records = (
        factories.checkout(run_id=run_id, subject=HOSTILE),
        record_of(run_id, execution(world.files), failures=(red,)),
        factories.build(run_id=run_id),
        factories.scan(run_id=run_id, **found("f", title=HOSTILE, path=HOSTILE, rule=HOSTILE)),
        factories.deploy(run_id=run_id, deployment_id="d0000000-0000-4000-8000-000000000001"),
        factories.smoke(run_id=run_id, checks=(factories.smoke_check(name=HOSTILE, observed=HOSTILE, passed=False),)),
        factories.rollback(run_id=run_id, rollback_id="e0000000-0000-4000-8000-000000000001"),
    )
    world.accept(*records)
    world.store.finish_run(run_id, RunState.ROLLED_BACK, f"K02: {HOSTILE}", 15)
    return world.report(run_id)


class Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_is_one_file_and_hostile_names_are_text(world: World) -> None:
    text = render(whole(world))
    page = Page(text)
    assert " ".join(page.ids) == SECTIONS
    assert not {"script", "img", "link", "iframe", "object", "form", "a", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href", "action")]
    assert not re.search(r"url\(|@import|https?:", text.split("</style>")[0])
    assert page.words.count("<img src=x onerror=alert(1)>␛[31m<U+202E>\"'&</pre><script>alert(2)</script>") >= 10
    assert not [character for character in text if character in "\x1b\u202e\x00"]


def test_the_json_has_its_version_and_survives(world: World) -> None:
    data = json.loads(json.dumps(plain_data(whole(world))))
    assert data["version"] == 1
    assert " ".join(data) == FIELDS
    assert [stage["stage"] for stage in data["run"]["stages"]] == [str(stage) for stage in StageName]
    assert data["tests"]["failed"][0]["id"] == HOSTILE.replace("\x00", "")
    assert data["tests"]["change"]["rate"] is None
    assert data["rollback"]["seconds_to_restore"] == 1.4
    document = (Path(__file__).parents[2] / "docs/report.md").read_text()
    assert {name for name in data if f"`{name}`" not in document} == set()
    assert {name for name in data["run"] if f"`{name}`" not in document} == set()

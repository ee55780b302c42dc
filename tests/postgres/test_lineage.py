"""Lineage of a release on a story: deployed, a bad one deployed over it, rolled back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine

from sluice.artifacts import ArtifactStore
from sluice.cli.report_sections import node_lines
from sluice.errors import UsageError
from sluice.records.build import Release
from sluice.report.document import plain_data
from sluice.report.lineage import Node, tree
from sluice.states import RunState
from sluice.store.ingest import Ingest
from sluice.store.journal import Journal
from sluice.store.lineage import find_release, lineage
from sluice.store.runs import RunStore
from tests import factories
from tests.postgres.parts import PROJECT, a_run, rows
from tests.postgres.test_ingest import accepted, execution, record_of, stage_of

pytestmark = pytest.mark.postgres

GOOD = factories.release()
BAD = factories.release(digest=factories.OTHER_DIGEST, commit=factories.OTHER_COMMIT, version="1.5.0")


class Story:
    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.files = ArtifactStore(folder)
        self.ingest = Ingest(engine, self.files)
        self.store, self.journal = RunStore(engine), Journal(engine)

    def accept(self, *records: Any) -> None:
        for record in records:
            self.ingest.accept(stage_of(self.engine, record), record, accepted(record.STAGE))

    def deploys(self, release: Release, bad: str = "") -> str:
        run = a_run(self.engine, trigger="webhook", requested_by="ada")
        self.store.set_commit(run, commit=release.commit, ref_kind="branch", ref_name="main")
        source = factories.checkout(run_id=run).source.model_copy(update={"commit": release.commit})
        scanned = {"subject_digest": release.digest, "scanned_digest": release.digest}
        self.accept(
            factories.checkout(run_id=run, source=source, subject=f"Release {release.version}"),
            record_of(run, execution(self.files), inputs={"source": release.commit}),
            factories.build(run_id=run, release=release),
            factories.scan(run_id=run, **scanned),
        )
        with self.journal.lock(PROJECT, "staging", run, "deploy", 0) as lease:
            made = self.journal.begin_deployment(lease, run, PROJECT, "staging", release, None)
            self.accept(factories.deploy(run_id=run, deployment_id=made, release=release))
            self.journal.finish_deployment(lease, made, "failed" if bad else "serving")
            self.accept(factories.smoke(run_id=run, release=release, passed=not bad, reason=bad))
            if bad:
                back = self.journal.begin_rollback(lease, run, PROJECT, "staging", release, GOOD, bad)
                self.accept(factories.rollback(run_id=run, rollback_id=back, release=GOOD, from_digest=release.digest))
                self.journal.finish_rollback(lease, back, "serving", validated=True, seconds_to_restore=1.4)
        self.store.finish_run(run, *((RunState.ROLLED_BACK, bad, 15) if bad else (RunState.PASSED, "", 0)))
        return run


@pytest.fixture
def story(engine: Engine, tmp_path: Path) -> Story:
    return Story(engine, tmp_path)


def kinds(node: Node) -> list[Any]:
    """The tree as nested lists: relation and kind, then what follows."""
    said = f"{node.relation} {node.kind}".strip() + (" again" if node.again else "")
    return [said, *map(kinds, node.children)]


def test_a_release_from_its_trigger_to_the_rollback(story: Story, engine: Engine) -> None:
    first, second = story.deploys(GOOD), story.deploys(BAD, bad="K02: the greeting answers 500")
    (root,) = tree(*lineage(engine, BAD.digest))
    assert kinds(root) == [
        "trigger",
        [
            "asked for commit",
            ["tested by test"],
            [
                "built into release",
                ["scanned by scan"],
                ["deployed as deployment", ["smoke-tested by smoke"], ["undone by rollback", ["restores release"]]],
            ],
        ],
    ]
    (commit,) = root.children
    release = commit.children[1]
    assert (root.id, root.words, root.run_id) == (second, "webhook by ada, rolled_back", second)
    assert (commit.id, commit.words) == (BAD.commit, "Release 1.5.0")
    assert (release.id, release.words, release.run_id) == (BAD.digest, "1.5.0", second)
    undone = release.children[1].children[1]
    assert undone.words == "staging, serving: K02: the greeting answers 500"
    assert (undone.children[0].id, undone.children[0].words) == (GOOD.digest, "1.4.0")
    assert all(each.at is not None for each in (root, commit, release, undone))

    trees = tree(*lineage(engine, GOOD.digest))
    assert [each.id for each in trees if each.kind == "trigger"] == [first]
    assert ["rollback", ["restores release again"]] in [kinds(each) for each in trees]


def test_one_query_gives_it(story: Story, engine: Engine) -> None:
    run = story.deploys(GOOD)
    story.deploys(BAD, bad="K02: bad")
    found = rows(
        engine,
        "SELECT from_kind, relation, to_kind, run_id::text FROM v_lineage WHERE release_digest = :digest "
        "AND run_id = :run ORDER BY number",
        digest=GOOD.digest,
        run=run,
    )
    assert [row[:3] for row in found] == [
        ("trigger", "asked_for", "commit"),
        ("commit", "tested_by", "test"),
        ("commit", "built_into", "release"),
        ("test", "proves", "release"),
        ("release", "scanned_by", "scan"),
        ("release", "deployed_as", "deployment"),
        ("scan", "clears", "deployment"),
        ("deployment", "smoked_by", "smoke"),
    ]


def test_a_rollback_by_hand_has_a_trigger_of_its_own(story: Story, engine: Engine) -> None:
    story.deploys(GOOD)
    story.deploys(BAD)
    run = a_run(engine, kind="rollback", requested_by="bob", requested_ref="staging")
    with story.journal.lock(PROJECT, "staging", run, "rollback", 0) as lease:
        back = story.journal.begin_rollback(lease, run, PROJECT, "staging", BAD, GOOD, "too loud")
        story.accept(factories.rollback(run_id=run, rollback_id=back, release=GOOD, from_digest=BAD.digest))
        story.journal.finish_rollback(lease, back, "serving", validated=True, seconds_to_restore=1.4)
    roots = {each.id: each for each in tree(*lineage(engine, GOOD.digest))}
    assert kinds(roots[run])[:2] == ["trigger", ["asked for rollback", ["restores release again"]]]
    assert roots[run].words == "cli by bob, running"


def test_it_is_printed_a_line_a_thing_and_is_json(story: Story, engine: Engine) -> None:
    story.deploys(BAD, bad="K02: bad")
    nodes = tree(*lineage(engine, BAD.digest))
    console = Console(width=200, file=io.StringIO())
    for line in node_lines(nodes):
        console.print(line)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    starts = [line[: len(line) - len(line.lstrip(" │├└─"))] for line in lines]
    assert starts == ["", "└─ ", "   ├─ ", "   └─ ", "      ├─ ", "      └─ ", "         ├─ ", "         └─ ",
                      "            └─ "]  # fmt: skip
    assert "built into release sha256:222222222222  1.5.0" in lines[3]
    assert json.loads(json.dumps(plain_data(nodes)))[0]["children"][0]["kind"] == "commit"


def test_a_digest_may_be_short_and_an_unclear_one_names_the_candidates(story: Story, engine: Engine) -> None:
    with pytest.raises(UsageError, match=r"RELEASE_UNKNOWN.*No run has built one yet"):
        find_release(engine, "1111")
    story.deploys(GOOD)
    story.deploys(factories.release(digest="sha256:1111" + "a" * 60, commit=factories.OTHER_COMMIT))
    assert find_release(engine, "sha256:11111") == find_release(engine, "11111") == GOOD.digest
    with pytest.raises(UsageError) as caught:
        find_release(engine, "1111")
    assert caught.value.code == "RELEASE_UNCLEAR"
    assert caught.value.allowed.startswith(
        "sha256:1111aaaaaaaaaaaa (greeter 1.4.0, commit dddddddddd); sha256:1111111111"
    )
    for name in ("ffff", "111", "'; drop table releases", ""):
        with pytest.raises(UsageError, match="RELEASE_UNKNOWN"):
            find_release(engine, name)

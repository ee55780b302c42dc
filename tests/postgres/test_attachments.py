"""Attachments and output of suites: rows, views, the report in the terminal and as a page."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sluice.cli.report_sections import attachment_lines, output_lines
from sluice.records.common import ArtifactRef
from sluice.records.testing import Attachment
from sluice.report.html import render
from sluice.report.pictures import PICTURE_BYTES, pictures
from tests.postgres.parts import rows
from tests.postgres.test_ingest import accepted, execution, record_of, rejected, stage_of
from tests.postgres.test_report import HOSTILE, Page, World

pytestmark = pytest.mark.postgres

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + b"pixels"
ADDRESS = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.fixture
def world(engine: Engine, tmp_path: Path) -> World:
    return World(engine, tmp_path)


def kept(world: World, data: bytes, name: str, media_type: str = "image/png") -> ArtifactRef:
    return world.files.put_bytes(data, name, media_type)


def of_a_run(world: World, run_id: str) -> tuple[ArtifactRef, object]:
    """Return the picture and the record of a test stage with two attachments and the output of a suite."""
    picture = kept(world, PNG, "shot.png")
    told = {"suite": HOSTILE, "stream": "stderr", "characters": 7, "text": f"oh\0 no {HOSTILE}"}
    suites = world.files.put_bytes(f"{json.dumps(told)}\n".encode(), "suites.jsonl", "application/jsonl")
    attachments = (
        Attachment(test="tests.test_app::test_1", ordinal=1, path=HOSTILE, file=picture),
        Attachment(test="", ordinal=0, path="../../etc/passwd", problem="ATTACHMENT_PATH_REFUSED"),
    )
    return picture, record_of(run_id, execution(world.files, attachments=attachments, suite_output=suites), failures=())


def test_rows_and_views(world: World, engine: Engine) -> None:
    run_id = world.run()
    picture, record = of_a_run(world, run_id)
    world.accept(record)
    query = (
        "SELECT run_id::text, test_id, case_ordinal, path, media_type, size, sha256, problem FROM v_test_attachments"
    )
    assert rows(engine, f"{query} ORDER BY ordinal") == [
        (run_id, "tests.test_app::test_1", 1, HOSTILE, "image/png", len(PNG), picture.sha256, ""),
        (run_id, "", None, "../../etc/passwd", None, None, None, "ATTACHMENT_PATH_REFUSED"),
    ]
    found = rows(engine, "SELECT run_id::text, suite, stream, characters, output FROM v_suite_output")
    assert found == [(run_id, HOSTILE, "stderr", 7, f"oh\ufffd no {HOSTILE}")]
    assert (picture.sha256,) in rows(engine, "SELECT sha256 FROM stage_artifacts")


def test_saying_it_again_changes_nothing(world: World, engine: Engine) -> None:
    _, record = of_a_run(world, world.run())
    stage = stage_of(engine, record)
    for _ in range(2):
        world.ingest.accept(stage, record, accepted())
    assert rows(engine, "SELECT count(*) FROM test_attachments UNION ALL SELECT count(*) FROM suite_outputs") == [
        (2,),
        (1,),
    ]


def test_the_report_shows_both(world: World) -> None:
    run_id = world.run()
    picture, record = of_a_run(world, run_id)
    world.accept(record)
    told = world.report(run_id)
    assert told.tests is not None
    terminal = "\n".join(map(str, [*attachment_lines(told.tests.attachments), *output_lines(told.tests)]))
    assert f"sha256 {picture.sha256[:12]}, {len(PNG)} bytes" in terminal
    assert "../../etc/passwd    ATTACHMENT_PATH_REFUSED" in terminal
    assert "suites printed 1 stream" in terminal
    assert not set("\x1b\u202e") & set(terminal)

    text = render(told, pictures([picture], world.files))
    page = Page(text)
    assert page.tags.count("img") == 1
    assert ("src", ADDRESS) in page.attributes
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("href", "action")]
    assert "script" not in page.tags
    assert "img-src data:" in text
    assert "ATTACHMENT_PATH_REFUSED" in page.words
    assert "oh\ufffd no <img src=x onerror=alert(1)>" in page.words
    assert "img" not in Page(render(told)).tags  # another machine, without the files


def test_a_rejected_stage_shows_its_attachments_too(world: World) -> None:
    run_id = world.run()
    picture, record = of_a_run(world, run_id)
    world.ingest.reject(stage_of(world.engine, record), record, rejected(record.STAGE))
    tests = world.report(run_id).tests
    assert tests is not None
    assert [each.sha256 for each in tests.attachments] == [picture.sha256, None]


def test_only_small_pictures_that_are_what_they_say_stand_in_a_page(world: World) -> None:
    good = kept(world, PNG, "good.png")
    svg = kept(world, b"<svg onload=alert(1)>", "evil.png")
    page = kept(world, b"<script>alert(1)</script>", "page.html", "text/html")
    large = kept(world, PNG.ljust(PICTURE_BYTES + 1), "large.png")
    harmed = kept(world, PNG + b"harmed", "harmed.png")
    path = world.files.path(harmed.sha256)
    path.chmod(0o644)
    path.write_bytes(PNG + b"harmer")
    gone = kept(world, PNG + b"gone", "gone.png")
    world.files.path(gone.sha256).unlink()
    assert pictures([svg, page, large, harmed, gone, good], world.files) == {good.sha256: ADDRESS}


def test_the_pictures_of_a_page_have_a_limit_together(world: World) -> None:
    many = [kept(world, PNG.ljust(PICTURE_BYTES - 1) + bytes([number]), f"{number}.png") for number in range(12)]
    assert len(pictures(many, world.files)) == 8

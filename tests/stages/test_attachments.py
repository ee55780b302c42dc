"""Files that reports name, and what suites print: kept when they are the project's own plain files, never others."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sluice.records.testing import Attachment, TestExecution
from tests.stages.testing_room import Room, only

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")
CASE = "<testcase classname='c' name='a'><system-out>[[ATTACHMENT|{}]]</system-out></testcase>"
MAKE_PNG = r"printf '\211PNG\r\n\032\n\000\000\000\rIHDR'"


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, tmp_path / "home")


def run(room: Room, said: str, script: str = "true", report: str = "junit.xml", **config: Any) -> TestExecution:
    """Run a script as the project's tests; `said` becomes its report."""
    room.project(said=said)
    words = ["sh", "-c", f"mkdir -p $(dirname {report}) && cp said {report} && {script}"]
    return only(room.run(frameworks=["command"], command=words, report=report, **config))


def attached(room: Room, path: str, script: str = "true", **more: Any) -> Attachment:
    """Return what became of one attachment of one case."""
    (found,) = run(room, f"<testsuite>{CASE.format(path)}</testsuite>", script, **more).attachments
    return found


def bytes_of(room: Room, found: Attachment) -> bytes:
    assert room.place is not None
    assert found.file is not None
    return room.place.artifacts.read(found.file)


def test_a_picture_is_kept_with_its_test(room: Room) -> None:
    found = attached(room, "shots/a.txt", f"mkdir shots && {MAKE_PNG} > shots/a.txt")
    assert (found.test, found.ordinal, found.path, found.problem) == ("c::a", 1, "shots/a.txt", "")
    assert bytes_of(room, found) == PNG
    assert found.file is not None
    assert (found.file.sha256, found.file.size) == (hashlib.sha256(PNG).hexdigest(), len(PNG))
    assert found.file.media_type == "image/png"  # by its bytes, not by its name
    assert found.file.name.endswith("-a.txt")


def test_what_is_only_called_a_picture_is_none(room: Room) -> None:
    found = attached(room, "a.png", "echo '<svg onload=x>' > a.png")
    assert found.file is not None
    assert found.file.media_type == "application/octet-stream"


@pytest.mark.parametrize("path", ["shot.png", "./shot.png", "{tree}/out/shot.png", "out/shot.png"])
def test_paths_start_at_the_workspace_or_at_the_report(room: Room, path: str) -> None:
    script = f'{MAKE_PNG} > out/shot.png && sed -i "s#{{tree}}#$PWD#" out/junit.xml'
    assert bytes_of(room, attached(room, path, script, report="out/junit.xml")) == PNG


@pytest.mark.parametrize(
    ("path", "script", "problem"),
    [
        ("../../etc/passwd", "true", "ATTACHMENT_PATH_REFUSED"),
        ("/etc/passwd", "true", "ATTACHMENT_PATH_REFUSED"),
        ("a/../../../../../../etc/passwd", "mkdir a", "ATTACHMENT_PATH_REFUSED"),
        ("link", "ln -s /etc/passwd link", "ATTACHMENT_PATH_REFUSED"),
        ("folder/passwd", "ln -s /etc folder", "ATTACHMENT_PATH_REFUSED"),
        ("pipe", "mkfifo pipe", "ATTACHMENT_PATH_REFUSED"),
        ("folder", "mkdir folder", "ATTACHMENT_PATH_REFUSED"),
        ("x" * 300, "true", "ATTACHMENT_PATH_REFUSED"),
        ("never/made.png", "true", "ATTACHMENT_MISSING"),
        ("*.xml", "true", "ATTACHMENT_MISSING"),  # a name is no pattern
        ("huge", "truncate -s 1G huge", "ATTACHMENT_TOO_LARGE"),
    ],
)
def test_what_is_not_the_projects_own_plain_file_is_refused(room: Room, path: str, script: str, problem: str) -> None:
    found = attached(room, path, script)
    assert (found.file, found.problem, found.path) == (None, problem, path)
    assert room.place is not None
    assert hashlib.sha256(Path("/etc/passwd").read_bytes()).hexdigest() not in {
        each.name for each in room.place.artifacts.root.rglob("*")
    }


def test_there_is_a_limit_for_all_together_and_one_file_is_kept_once(room: Room) -> None:
    names = ["f0", "f0", *(f"f{number}" for number in range(1, 7))]
    script = "for n in 0 1 2 3 4 5 6; do head -c 9000000 /dev/zero > f$n; echo $n >> f$n; done"
    execution = run(room, f"<testsuite>{''.join(map(CASE.format, names))}</testsuite>", script)
    problems = [each.problem for each in execution.attachments]
    assert problems == [""] * 6 + ["ATTACHMENT_LIMIT"] * 2
    assert execution.attachments[0].file == execution.attachments[1].file
    assert "ATTACHMENT_LIMIT: 2 attachments of the report are not kept" in room.read(execution.log)


DIALECTS = {
    "properties": "<properties><property name='attachment' value='a.txt'/></properties>",
    "element with a path": "<attachments><attachment path='a.txt'/></attachments>",
    "element with text": "<attachments><attachment>a.txt</attachment></attachments>",
    "NUnit": "<attachments><attachment><filePath>a.txt</filePath><description>b</description></attachment>"
    "</attachments>",
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects(room: Room, dialect: str) -> None:
    case = f"<testsuite><testcase classname='c' name='a'>{DIALECTS[dialect]}</testcase></testsuite>"
    (found,) = run(room, case, "echo hi > a.txt").attachments
    assert bytes_of(room, found) == b"hi\n"


ROBOT = """<robot><suite id="s1" name="Shop"><test id="s1-t1" name="Pays"><kw name="Shot">
<msg level="INFO" html="true">&lt;a href="shot&amp;amp;1.png"&gt;
&lt;img src="shot&amp;amp;1.png" width="800px"&gt;&lt;/a&gt;
&lt;img src="https://example.org/x.png"&gt;</msg><msg level="INFO">&lt;img src="no.png"&gt;</msg>
<status status="PASS" start="2026-11-28T17:22:35.0" elapsed="0.1"/></kw>
<status status="PASS" start="2026-11-28T17:22:35.0" elapsed="0.1"/></test>
<status status="PASS" start="2026-11-28T17:22:35.0" elapsed="0.1"/></suite>
<statistics><total><stat pass="1" fail="0" skip="0">All Tests</stat></total></statistics></robot>"""


def test_screenshots_of_robot_lie_beside_its_output(room: Room) -> None:
    execution = run(room, ROBOT, f"{MAKE_PNG} > 'out/shot&1.png'", report="out/output.xml", format="robot")
    (found,) = execution.attachments
    assert (found.path, found.test, bytes_of(room, found)) == ("shot&1.png", "Shop::Pays", PNG)


def test_files_of_trx_lie_where_vstest_puts_them(room: Room) -> None:
    said = (Path(__file__).parents[1] / "fixtures/junit/vstest.trx").read_text()
    folder = "TestResults/ada_VM/In/e1/VM"
    script = f"mkdir -p {folder} && {MAKE_PNG} > {folder}/cart.png"
    execution = run(room, said, script, report="TestResults/a.trx", format="trx")
    (found,) = execution.attachments
    assert (found.path, bytes_of(room, found)) == ("VM/cart.png", PNG)


SUITES = """<testsuites><testsuite name="outer"><system-out>before {} </system-out>
<testsuite name="inner"><testcase name="a"><system-out>of the case</system-out></testcase>
<system-err>oh no</system-err><system-out> </system-out></testsuite></testsuite></testsuites>"""


def test_output_of_suites_is_kept_and_in_the_log(room: Room) -> None:
    execution = run(room, SUITES.format("after"))
    told = [json.loads(line) for line in room.read(execution.suite_output).splitlines()]
    assert [(each["suite"], each["stream"], each["text"].strip()) for each in told] == [
        ("outer", "stdout", "before after"),
        ("outer > inner", "stderr", "oh no"),
    ]
    log = room.read(execution.log)
    assert "--- stderr of suite outer > inner, 5 characters ---\noh no\n" in log
    assert "of the case" not in log


def test_output_of_suites_is_capped_with_a_mark(room: Room) -> None:
    long = run(room, SUITES.format("x" * 3_000_000))
    (first, _second) = [json.loads(line) for line in room.read(long.suite_output).splitlines()]
    assert first["characters"] > 3_000_000
    assert len(first["text"]) < 8_100
    assert first["text"].startswith("before xxx")
    assert "characters left out" in first["text"]
    assert first["text"].endswith("xx ")


def test_output_of_many_suites_is_capped_and_counted(room: Room) -> None:
    one = "<testsuite name='s'><testcase name='a'/><system-out>hello</system-out></testsuite>"
    execution = run(room, f"<testsuites>{one * 600}</testsuites>")
    assert len(room.read(execution.suite_output).splitlines()) == 500
    assert "REPORT_OUTPUT_CUT: 100 streams of suites are left out" in room.read(execution.log)


def test_without_either_there_is_neither(room: Room) -> None:
    execution = run(room, "<testsuite><testcase name='a'/></testsuite>")
    assert (execution.attachments, execution.suite_output) == ((), None)

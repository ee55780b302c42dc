"""The bad inputs 16 to 47 that docs/reports.md names, each as a real file, read in the real limited child."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluice.records.testing import TestRecord
from sluice.results import box, child
from sluice.results.files import take
from sluice.results.problems import ReportError
from sluice.tools.k6_summary import read_summary
from tests.stages.testing_room import Room, counts, only, problem

GREEN = "<testsuite tests='1'><testcase classname='c' name='a' time='0.1'/></testsuite>"
RED = (
    "<testsuite tests='1' failures='1'><testcase classname='c' name='a'><failure message='no'/></testcase></testsuite>"
)
COBERTURA = "<coverage line-rate='{rate}'><packages><package><classes><class filename='{name}'><lines>{lines}</lines>"
COBERTURA += "</class></classes></package></packages></coverage>"
LINE = "<line number='1' hits='1'/>"
MEMORY = 200 << 20
# A small process between: what the kernel calls a process's peak begins with that of the one that started it.
METER = """
import os, sys
words = [sys.executable, "-I", "-S", *sys.argv[1:]]
_, status, used = os.wait4(os.posix_spawn(sys.executable, words, {}), 0)
print(status, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


class Workspace:
    """A workspace with hostile files in it, and what reading them gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree = folder / "tree"
        self.tree.mkdir()

    def read(self, data: str | bytes | None = None, kind: str = "junit", **more: Any) -> dict[str, Any]:
        """Take the report out of the workspace, parse it in the child, and return what was counted."""
        if data is not None:
            self.write(data)
        taken = take(self.tree, "report", self.folder / "taken")
        names = {str(one.copy): one.name for one in taken}
        return box.parse(kind, [one.copy for one in taken], self.folder / "rows.csv", names=names, **more)

    def write(self, data: str | bytes, name: str = "report") -> Path:
        path = self.tree / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    @property
    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "rows.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def refusal(self, data: str | bytes | None = None, kind: str = "junit") -> str:
        """Return `CODE: message` of what is refused; nothing of it may count."""
        with pytest.raises(ReportError) as caught:
            self.read(data, kind)
        assert len(caught.value.message) < 400
        return f"{caught.value.code}: {caught.value.message}"

    def costs(self, data: str) -> tuple[float, int]:
        """Return CPU seconds and peak bytes of the child that reads `data`."""
        request, result = self.folder / "request.json", self.folder / "result.json"
        asked = {"kind": "junit", "files": [str(self.write(data))], "rows": str(self.folder / "rows.csv")}
        request.write_text(json.dumps(asked))
        words = [sys.executable, "-c", METER, str(Path(child.__file__).resolve()), str(request), str(result)]
        told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
        status, seconds, kibibytes = told.split()
        assert status == "0"
        return float(seconds), int(kibibytes) * 1024


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, tmp_path / "home")


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """Listen where nobody may ever call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def by_command(room: Room, script: str, **config: Any) -> TestRecord:
    """Run a project whose test command is `script`."""
    room.project(**{"README": "x", "green.xml": GREEN, "red.xml": RED})
    return room.run(frameworks=["command"], command=["sh", "-c", script], report="out/*.xml", **config)


LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
REFUSED = {
    "17 zero bytes": (b"", "REPORT_EMPTY: report: the file is empty"),
    "17 UTF-8 mark only": (b"\xef\xbb\xbf", "REPORT_EMPTY: report: the file is empty"),
    "17 UTF-16 mark only": (b"\xff\xfe", "REPORT_EMPTY: report: the file is empty"),
    "18 cut in a tag": (GREEN[:40], "REPORT_TRUNCATED: report: unclosed token, line 1 column 21"),
    "18 cut between tags": (GREEN[:-12], "REPORT_TRUNCATED: report: no element found, line 1"),
    "19 billion laughs": (
        f"<!DOCTYPE t [<!ENTITY l0 'ha'>{LAUGHS}]><testsuite name='&l9;'/>",
        "XML_ENTITY_REFUSED: report: declares the entity 'l0'",
    ),
    "19 quadratic blow-up": (
        f"<!DOCTYPE t [<!ENTITY q '{'q' * 100_000}'>]><testsuite>{'&q;' * 100_000}</testsuite>",
        "XML_ENTITY_REFUSED: report: declares the entity 'q'",
    ),
    "23 depth": ("<testsuite>" * 200_000, "XML_LIMIT: report: depth > 100"),
    "23 attributes": (
        "<testsuite " + " ".join(f"a{n}=''" for n in range(100_000)) + "/>",
        "XML_LIMIT: report: ",
    ),
    "23 an attribute of 20 MB": (f"<testsuite name='{'x' * (20 << 20)}'/>", "XML_LIMIT: report: value > 1 MiB"),
    "24 invalid UTF-8": (b"<testsuite name='\xff'/>", "XML_NOT_WELL_FORMED: report: not well-formed (invalid token), "),
    "24 raw NUL": (b"<testsuite name='\0'/>", "XML_NOT_WELL_FORMED: report: not well-formed (invalid token), line 1"),
    "24 NUL by number": ("<testsuite name='&#0;'/>", "XML_NOT_WELL_FORMED: report: reference to invalid character"),
    "24 ESC": ("<testsuite name='\x1b[31m'/>", "XML_NOT_WELL_FORMED: report: not well-formed (invalid token), line 1"),
    "25 UTF-7": ("<?xml version='1.0' encoding='UTF-7'?><testsuite/>", "XML_ENCODING: report: encoding not supported"),
    "25 unknown": ("<?xml version='1.0' encoding='klingon'?><testsuite/>", "XML_ENCODING: report: encoding not supp"),
    "26 JSON": ('{"tests": 1}', "REPORT_NOT_XML: report: starts with '{\"tests\": 1}'"),
    "26 HTML": ("<!DOCTYPE html><html><body>502</body></html>", "REPORT_NOT_XML: report: is an HTML page"),
    "26 a log": ("npm WARN deprecated\n" + GREEN, "REPORT_NOT_XML: report: starts with 'npm WARN deprecated\\n'"),
    "26 words after it": (GREEN + "\nKilled\n", "REPORT_JUNK: report: text after </testsuite>, line 2"),
    "27 TRX": ("<TestRun xmlns='x'/>", "REPORT_FORMAT: report: root <TestRun> looks like TRX; set format: trx"),
    "27 NUnit": ("<test-run/>", "REPORT_FORMAT: report: root <test-run> looks like NUnit 3"),
    "27 namespace": ("<testsuite xmlns='urn:x'/>", "REPORT_FORMAT: report: root <testsuite> is in the namespace"),
}


@pytest.mark.parametrize(("data", "expected"), REFUSED.values(), ids=REFUSED)
def test_junit_that_is_refused(workspace: Workspace, data: str | bytes, expected: str) -> None:
    assert workspace.refusal(data).startswith(expected)


def test_16_nothing_matches(workspace: Workspace, room: Room) -> None:
    assert workspace.refusal() == "REPORT_MISSING: no file matches 'report' (looked in the workspace)"
    record = by_command(room, "true")
    assert (record.passed, problem(only(record)), record.total) == (False, "REPORT_MISSING", 0)


def test_18_what_was_read_before_the_cut_does_not_count(room: Room) -> None:
    record = by_command(room, "mkdir out && head -c 70 green.xml > out/a.xml")
    assert (record.passed, problem(only(record)), record.total) == (False, "REPORT_TRUNCATED", 0)
    assert only(record).cases is None


@pytest.mark.parametrize("name", [name for name in REFUSED if name[:2] in ("19", "23")])
def test_19_23_an_attack_costs_little(workspace: Workspace, name: str) -> None:
    seconds, memory = workspace.costs(str(REFUSED[name][0]))
    assert seconds < 5  # measured: 0.1 to 0.3 s
    assert memory < MEMORY


@pytest.mark.parametrize(
    "document",
    [
        "<!DOCTYPE t [<!ENTITY x SYSTEM '{file}'>]><testsuite><testcase name='&x;'/></testsuite>",
        "<!DOCTYPE t [<!ENTITY x SYSTEM '{file}'>]><testsuite>&x;</testsuite>",
        "<!DOCTYPE t [<!ENTITY % p SYSTEM '{address}'> %p;]><testsuite/>",
        "<!DOCTYPE t SYSTEM '{address}'><testsuite><testcase name='a'>&x;</testcase></testsuite>",
    ],
)
def test_20_nothing_outside_is_read(workspace: Workspace, canary: socket.socket, document: str) -> None:
    fifo = workspace.folder / "secret"
    os.mkfifo(fifo)  # who opens it, waits for ever
    address = f"http://127.0.0.1:{canary.getsockname()[1]}/"
    text = document.format(file=f"file://{fifo}", address=address)
    assert workspace.refusal(text).startswith("XML_ENTITY_REFUSED: report: ")
    with pytest.raises(BlockingIOError):
        canary.accept()


def test_21_only_a_regular_file_inside_is_read(workspace: Workspace) -> None:
    (workspace.folder / "outside.xml").write_text(GREEN)
    inside = workspace.write(GREEN, "real.xml")
    os.mkfifo(workspace.tree / "fifo")
    (workspace.tree / "folder").mkdir()
    for name, target in {"link": inside, "out": workspace.folder / "outside.xml", "device": Path("/dev/zero")}.items():
        (workspace.tree / name).symlink_to(target)
    for pattern in ("fifo", "folder", "link", "out", "device", "../outside.xml", str(workspace.folder / "outside.xml")):
        with pytest.raises(ReportError) as caught:
            take(workspace.tree, pattern, workspace.folder / "taken")
        assert caught.value.code == "REPORT_PATH_REFUSED"
        assert "is not a regular file inside the workspace" in caught.value.message


def test_22_too_large_is_not_read(workspace: Workspace) -> None:
    with workspace.write(b"").open("wb") as file:
        file.truncate(2 << 30)
    assert workspace.refusal() == "REPORT_TOO_LARGE: 'report': 2.0 GiB > 100.0 MiB"
    assert list((workspace.folder / "taken").iterdir()) == []


def test_24_repair_counts_and_says_what_it_replaced(room: Room) -> None:
    script = "mkdir out && printf '<testsuite><testcase name=\"a\\033\\377\"/></testsuite>' > out/a.xml"
    record = by_command(room, script, repair=True)
    assert record.passed
    assert only(record).repaired == 2
    assert room.rows(only(record).cases)[0]["name"] == "a\ufffd\ufffd"
    assert "REPORT_REPAIRED: 2 characters" in room.read(only(record).log)


def test_25_encodings_become_utf_8(workspace: Workspace) -> None:
    text = "<?xml version='1.0' encoding='{}'?><testsuite><testcase name='grün'/></testsuite>"
    for encoding in ("UTF-16", "ISO-8859-1"):
        assert workspace.read(text.format(encoding).encode(encoding))["counts"]["passed"] == 1
        assert workspace.rows[0]["name"] == "grün"


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        *[(text, "") for text in ("-1", "NaN", "inf", "1e400", "12s", "1_000", "٣", "0,160", "1,234")],
        ("14,029.255", "14029.255"),
    ],
)
def test_28_29_durations(workspace: Workspace, time: str, seconds: str) -> None:
    told = workspace.read(f"<testsuite><testcase name='a' time='{time}'/></testsuite>")
    assert (told["counts"]["passed"], told["invalid_durations"]) == (1, int(not seconds))
    assert workspace.rows[0]["duration_seconds"] == seconds


def test_30_equal_names_are_all_kept(workspace: Workspace) -> None:
    case = "<testcase classname='c' name='n'/>"
    told = workspace.read(f"<testsuite tests='3'>{case * 3}</testsuite>")
    assert (told["counts"]["passed"], told["duplicates"]) == (3, 2)
    assert [row["ordinal"] for row in workspace.rows] == ["1", "2", "3"]


def test_31_cases_win_over_counters(workspace: Workspace) -> None:
    told = workspace.read("<testsuite tests='10' failures='0'><testcase name='a'><failure/></testcase></testsuite>")
    assert told["counts"]["failed"] == 1
    assert (told["drift"]["tests"], told["drift"]["failure"]) == (9, -1)


@pytest.mark.parametrize(("exit_code", "report"), [(1, "green"), (0, "red")])
def test_32_exit_code_and_report_must_agree(room: Room, exit_code: int, report: str) -> None:
    record = by_command(room, f"mkdir out && cp {report}.xml out/ && touch out/{report}.xml; exit {exit_code}")
    assert not record.passed
    said = {"green": "ended with exit code 1, though no test failed", "red": "1 of 1 tests failed, though the exit co"}
    assert said[report] in record.reason


def test_33_a_million_cases_and_more_fit(workspace: Workspace) -> None:
    limit = 1_000_000
    case = "<testcase name='a' time='0'/>"
    _, memory = workspace.costs(f"<testsuite>{case * (limit + 2)}</testsuite>")
    told = json.loads((workspace.folder / "result.json").read_text())
    assert (told["counts"]["passed"], told["written"]) == (limit + 2, limit)
    assert memory < 250 << 20


def test_33_a_name_of_a_megabyte_is_cut(workspace: Workspace) -> None:
    workspace.read(f"<testsuite><testcase name='{'n' * 1_000_000}'/></testsuite>")
    name = workspace.rows[0]["name"]
    assert len(name) <= 2000
    assert re.search(r"…#[0-9a-f]{64}$", name)


def test_33_the_same_content_twice_is_one_report(room: Room) -> None:
    record = by_command(room, "mkdir out && cp green.xml out/a.xml && cp green.xml out/b.xml && touch out/*")
    assert counts(only(record)) == {"total": 1, "passed": 1}


def test_33_a_file_older_than_the_run(room: Room) -> None:
    record = by_command(room, "mkdir out && cp green.xml out/a.xml && touch -d '2 hours ago' out/a.xml")
    assert (record.passed, problem(only(record))) == (False, "REPORT_STALE")


def test_34_the_usual_doctype_is_not_fetched(workspace: Workspace, canary: socket.socket) -> None:
    doctype = f"<!DOCTYPE coverage SYSTEM 'http://127.0.0.1:{canary.getsockname()[1]}/coverage-04.dtd'>"
    told = workspace.read(doctype + COBERTURA.format(rate=1, name="a.py", lines=LINE), "coverage")
    assert (told["lines_valid"], told["lines_covered"]) == (1, 1)
    with pytest.raises(BlockingIOError):
        canary.accept()


@pytest.mark.parametrize("rate", ["1.7", "-0.1", "NaN", "85%", ""])
def test_35_a_rate_that_is_none(workspace: Workspace, rate: str) -> None:
    refusal = workspace.refusal(COBERTURA.format(rate=rate, name="a.py", lines=LINE), "coverage")
    assert refusal == f"COVERAGE_RANGE: report: line-rate '{rate}' not in 0..1"


def test_35_no_lines_are_no_data(workspace: Workspace) -> None:
    told = workspace.read(COBERTURA.format(rate=1, name="a.py", lines=""), "coverage")
    assert told["lines_valid"] == 0


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\a.py", "..\\..\\a.py"])
def test_36_a_path_outside_is_left_out(workspace: Workspace, name: str) -> None:
    told = workspace.read(COBERTURA.format(rate=1, name=name, lines=LINE), "coverage", root=str(workspace.tree))
    assert (told["dropped_paths"], told["lines_valid"], workspace.rows) == (1, 0, [])


def test_37_script_stays_text(workspace: Workspace) -> None:
    name = "javascript:&lt;script&gt;alert(1)&lt;/script&gt;"
    workspace.read(COBERTURA.format(rate=1, name=name, lines=LINE), "coverage")
    assert workspace.rows[0]["path"] == "javascript:<script>alert(1)</script>"


def test_38_a_gate_without_coverage_is_shut(room: Room) -> None:
    script = "mkdir out && cp green.xml out/ && touch out/green.xml"
    record = by_command(room, script, coverage={"fail_under": 80, "report": "coverage.xml"})
    assert (record.passed, only(record).exit_code) == (False, 0)
    assert only(record).coverage_problem is not None
    assert only(record).coverage_problem.code == "COVERAGE_MISSING"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SF:a.js\nDA:1\nend_of_record\n", "LCOV_LINE: report: line 2: DA needs line,hits; found '1'"),
        ("SF:a.js\nDA:1,-4\nend_of_record\n", "LCOV_LINE: report: line 2: DA needs line,hits; found '1,-4'"),
        ("SF:a.js\nDA:1,4\n", "LCOV_LINE: report: line 2: the record of 'a.js' has no end_of_record"),
    ],
)
def test_39_lcov_that_is_cut_or_wrong(workspace: Workspace, text: str, expected: str) -> None:
    assert workspace.refusal(text, "coverage") == expected


SARIF_REFUSED = {
    "40 version": (b'{"version": "2.0.0", "runs": []}', "SARIF_VERSION: report: '2.0.0', need 2.1.0"),
    "40 no version": (b'{"runs": []}', "SARIF_VERSION: report: 'None', need 2.1.0"),
    "41 runs": (
        json.dumps({"version": "2.1.0", "runs": [{}] * 21}).encode(),
        "SARIF_LIMIT: report: more runs than allowed (21 > 20)",
    ),
    "41 results": (
        json.dumps({"version": "2.1.0", "runs": [{"results": [{}] * 25_001}]}).encode(),
        "SARIF_LIMIT: report: more results than allowed (25001 > 25000)",
    ),
    "41 packed": (
        gzip.compress(os.urandom(11 << 20), 0),
        "SARIF_LIMIT: report: packed file larger than allowed (",
    ),
    "41 bomb": (gzip.compress(b" " * (200 << 20)), "SARIF_LIMIT: report: more than 104857600 bytes when unpacked"),
}


@pytest.mark.parametrize(("data", "expected"), SARIF_REFUSED.values(), ids=SARIF_REFUSED)
def test_40_41_sarif_that_is_refused(workspace: Workspace, data: bytes, expected: str) -> None:
    assert workspace.refusal(data, "sarif").startswith(expected)


def test_40_a_schema_is_not_fetched(workspace: Workspace, canary: socket.socket) -> None:
    schema = f"http://127.0.0.1:{canary.getsockname()[1]}/sarif.json"
    workspace.read(json.dumps({"$schema": schema, "version": "2.1.0", "runs": []}), "sarif")
    with pytest.raises(BlockingIOError):
        canary.accept()


@pytest.mark.parametrize("line", [0, -5, 2**31])
def test_42_odd_fields_are_empty_and_the_finding_is_kept(workspace: Workspace, line: int) -> None:
    place = {"artifactLocation": {"uri": "file:///etc/passwd"}, "region": {"startLine": line}}
    odd = {"level": "dire", "message": {"text": "no"}, "locations": [{"physicalLocation": place}]}
    told = workspace.read(json.dumps({"version": "2.1.0", "runs": [{"results": [odd]}]}), "sarif")
    (row,) = workspace.rows
    assert (row["rule"], row["severity"], row["path"], row["line"]) == ("unnamed", "high", "", "")
    assert set(told["warnings"].values()) == {1}
    assert len(told["warnings"]) == 4


# 43, a scanner that crashed, is in test_scan_sarif.py: it takes a scanner.


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('{"metrics": {"http_reqs": {"values": {}, "thresholds": {"rate<1": false}}}}', "K6_FORMAT"),
        ('{"metrics": {"http_reqs": {}}}', "K6_FORMAT"),
        ('{"type": "Metric"}\n{"type": "Point"}\n', "JSON_EXTRA"),
        ('{"type": "Metric"}\n{"type": "Po', "JSON_EXTRA"),
        ('{"metrics": {', "SCANNER_REPORT"),
    ],
)
def test_44_46_a_summary_of_k6_that_cannot_be_told(data: str, code: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the code is what counts
        read_summary(data.encode())
    assert getattr(caught.value, "code", "") == code


def test_44_45_what_k6_means(workspace: Workspace) -> None:
    export = {"metrics": {"http_reqs": {"count": 0, "rate": float("nan"), "thresholds": {"count>0": True}}}}
    found = read_summary(json.dumps(export).encode()).metrics["http_reqs"]
    assert found.thresholds == {"count>0": {"ok": False}}
    assert found.values["rate"] is None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('{"files": ' + "[" * 100_000, "JSON_LIMIT: report: nested too deeply"),
        ('{"files": {"a": ' + "9" * 5000 + "}}", "JSON_NUMBER: report: "),
        ('{"files": {}}'.encode("utf-16"), "JSON_ENCODING: report: looks like UTF-16"),
        ('{"files": {}}'.encode("utf-16-be"), "JSON_ENCODING: report: looks like UTF-16"),
        (b'{"files": {"\xff": {}}}', "JSON_ENCODING: report: invalid byte at line 1 column 13"),
    ],
)
def test_47_json_that_is_refused(workspace: Workspace, data: str | bytes, expected: str) -> None:
    assert workspace.refusal(data, "coverage").startswith(expected)


def test_47_a_byte_order_mark_is_accepted_and_a_gigabyte_is_not(workspace: Workspace) -> None:
    assert workspace.read(b'\xef\xbb\xbf{"files": {}}', "coverage")["files"] == 0
    with workspace.write(b"{").open("r+b") as file:
        file.truncate(1 << 30)
    assert workspace.refusal(kind="coverage") == "REPORT_TOO_LARGE: 'report': 1.0 GiB > 100.0 MiB"


def test_a_parser_that_never_ends_is_ended(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(box, "WALL_SECONDS", 0.05)
    started = time.monotonic()
    case = "<testcase classname='c' name='n'/>"
    assert workspace.refusal(f"<testsuite>{case * 900_000}</testsuite>").startswith("REPORT_LIMIT: needs more than")
    assert time.monotonic() - started < 60


def test_every_number_is_here() -> None:
    text = Path(__file__).read_text() + Path(__file__).with_name("test_scan_sarif.py").read_text()
    named = "\n".join(re.findall(r"def test_[0-9_]+|^    \"[0-9]{2} ", text, re.M))
    assert {int(number) for number in re.findall(r"[0-9]{2}", named)} >= set(range(16, 48))

"""What a JUnit report says, and every way in which it lies or attacks."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sluice.results.cases import CaseWriter
from sluice.results.counters import Level
from sluice.results.junit import read_junit
from sluice.results.problems import ReportError

PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="2" skipped="2" tests="6" time="0.5"
 timestamp="2026-11-23T20:24:14.707133+00:00" hostname="vm">
<testcase classname="tests.test_a" name="test_ok" file="tests/test_a.py" line="5" time="0.001" />
<testcase classname="tests.test_a" name="test_red" file="tests/test_a.py" line="9" time="0.1">
<failure message="assert 1 == 2">E  assert 1 == 2</failure><system-out>hello</system-out></testcase>
<testcase classname="tests.test_a" name="test_x" time="0"><skipped type="pytest.xfail" message="why" /></testcase>
<testcase classname="tests.test_a" name="test_s" time="0">
<skipped type="pytest.skip" message="later">x</skipped></testcase>
<testcase classname="tests.test_a" name="test_strict" time="0">
<failure message="[XPASS(strict)] ">[XPASS(strict)] </failure></testcase>
<testcase classname="" name="tests.test_b" time="0"><error message="collection failure">E  boom</error></testcase>
</testsuite></testsuites>"""


class Reading:
    """Reads texts as one report each, and shows the rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *texts: str | bytes, xpassed: frozenset[str] = frozenset(), merge: bool = False) -> CaseWriter:
        whole = Level()
        with (self.folder / "cases.csv").open("w", encoding="utf-8", newline="") as file:
            writer = CaseWriter(file, xpassed)
            for text in texts:
                path = self.folder / "report.xml"
                path.write_bytes(text if isinstance(text, bytes) else text.encode())
                document = read_junit(path, writer, merge_repeats=merge)
                whole.take(document.level)
        self.drift = whole.inner_drift
        self.document = document
        return writer

    @property
    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "cases.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    return Reading(tmp_path)


def problem(read: Reading, text: str | bytes) -> tuple[str, str]:
    with pytest.raises(ReportError) as caught:
        read(text)
    return caught.value.code, caught.value.message


def suite(*cases: str, **attributes: object) -> str:
    told = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<testsuite{told}>{''.join(cases)}</testsuite>"


def test_a_report_of_pytest(read: Reading) -> None:
    tally = read(PYTEST).tally
    assert tally.counts == {"passed": 1, "failed": 2, "error": 1, "skipped": 1, "xfailed": 1, "xpassed": 0, "flaky": 0}
    assert read.drift == {"tests": 0, "failure": 0, "error": 0, "skipped": 0}
    assert read.document.timestamp == "2026-11-23T20:24:14.707133+00:00"
    assert tally.case_seconds == pytest.approx(0.101)
    assert read.rows[1] == {
        "ordinal": "2",
        "suite": "pytest",
        "classname": "tests.test_a",
        "name": "test_red",
        "file": "tests/test_a.py",
        "line": "9",
        "status": "failed",
        "duration_seconds": "0.1",
        "message": "assert 1 == 2",
        "detail": "E  assert 1 == 2\n--- stdout ---\nhello",
        "occurrence": "1",
        "notes": '{"stdout": "hello"}',
    }
    assert [row["status"] for row in read.rows] == ["passed", "failed", "xfailed", "skipped", "failed", "error"]
    assert [failure["id"] for failure in tally.failures] == [
        "tests.test_a::test_red",
        "tests.test_a::test_strict",
        "tests.test_b",
    ]


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("<testcase classname='c' name='n' time='0'/>", ("c", "n", "", "", "passed", "0")),
        ("<testcase classname='c' name='n' time='0' file='a.py' line='7'/>", ("c", "n", "a.py", "7", "passed", "0")),
        ("<testcase classname='c' name='n' time='0' status='notrun'/>", ("c", "n", "", "", "skipped", "0")),
        ("<testcase name='n' time='0' file='a.py'/>", ("", "n", "a.py", "", "passed", "0")),
        ("<testcase classname='c' name='n' line='7'/>", ("c", "n", "", "7", "passed", "")),
        ("<testcase classname='c' time='0' status='disabled'/>", ("c", "", "", "", "skipped", "0")),
    ],
)
def test_a_case_without_children_keeps_each_attribute(read: Reading, case: str, told: tuple[str, ...]) -> None:
    read(suite(case))
    (row,) = read.rows
    names = ("classname", "name", "file", "line", "status", "duration_seconds")
    assert tuple(row[name] for name in names) == told


def test_what_passed_unexpectedly_is_no_plain_pass(read: Reading) -> None:
    tally = read(PYTEST, xpassed=frozenset({"tests.test_a::test_ok"})).tally
    assert tally.counts["xpassed"] == 1
    assert tally.counts["passed"] == 0


def test_a_test_that_fails_and_breaks_in_teardown_is_one_test(read: Reading) -> None:
    twice = suite(
        '<testcase classname="a" name="t" time="0"><failure message="call"/></testcase>',
        '<testcase classname="b" name="u" time="0"/>',
        '<testcase classname="a" name="t" time="0"><error message="failed on teardown"/></testcase>',
    )
    assert read(twice, merge=True).tally.total == 2
    assert read.rows[0]["status"] == "failed"
    assert read(twice).tally.total == 3


NODE = """<?xml version="1.0" encoding="utf-8"?>
<testsuites>
 <testcase name="top" time="0.001" classname="test"/>
 <testcase name="todo" time="0.001" classname="test" failure="x"><skipped type="todo" message="later"/>
  <failure type="testCodeFailure" message="x">no</failure></testcase>
 <testsuite name="outer" time="0.1" disabled="0" errors="0" tests="3" failures="1" skipped="0" hostname="vm">
  <testcase name="in" time="0.1" classname="test"/>
  <testcase name="bad" time="0.1" classname="test">
   <failure type="testCodeFailure" message="x">Error</failure></testcase>
  <testsuite name="inner" time="0.1" disabled="0" errors="0" tests="2" failures="0" skipped="0" hostname="vm">
   <testcase name="deep" time="0.1" classname="test"/><testcase name="deeper" time="0.1" classname="test"/>
  </testsuite>
 </testsuite>
 <!-- tests 6 -->
</testsuites>"""


def test_nodes_nested_suites_and_todos(read: Reading) -> None:
    tally = read(NODE).tally
    assert tally.counts == {"passed": 4, "failed": 1, "error": 0, "skipped": 0, "xfailed": 1, "xpassed": 0, "flaky": 0}
    assert read.drift == {"tests": 0, "failure": 0, "error": 0, "skipped": 0}
    assert [row["suite"] for row in read.rows] == ["", "", "outer", "outer", "outer > inner", "outer > inner"]


@pytest.mark.parametrize(
    ("text", "drift"),
    [
        (suite("<testcase name='a'/>", tests=10), 9),
        (suite("<testcase name='a'/>", "<testcase name='b'/>", tests=1), -1),
        (suite("<testcase name='a'/>", tests=1), 0),
        (suite("<testcase name='a'/>"), 0),
        ("<testsuites tests='1'><testsuite tests='7'><testcase name='a'/></testsuite></testsuites>", 6),
        ("<testsuites tests='7'><testsuite tests='1'><testcase name='a'/></testsuite></testsuites>", 6),
        ("<testsuites tests='1'><testsuite tests='1'><testcase name='a'/></testsuite></testsuites>", 0),
        (suite("<testcase name='a'/>", suite("<testcase name='b'/>", tests=1), tests=1), 0),
        (suite("<testcase name='a'/>", suite("<testcase name='b'/>", tests=1), tests=2), 0),
        (suite("<testcase name='a'/>", suite("<testcase name='b'/>", tests=1), tests=5), 3),
        (suite("<testcase name='a'/>", tests="many"), 0),
    ],
)
def test_counters_against_cases(read: Reading, text: str, drift: int) -> None:
    read(text)
    assert read.drift["tests"] == drift


def test_a_failure_that_the_counter_denies(read: Reading) -> None:
    tally = read(suite('<testcase name="a"><failure message="x"/></testcase>', tests=1, failures=0)).tally
    assert tally.counts["failed"] == 1
    assert read.drift["failure"] == -1


def test_surefire_retries(read: Reading) -> None:
    text = suite(
        '<testcase classname="A" name="flaky" time="1"><flakyFailure message="once">t</flakyFailure></testcase>',
        '<testcase classname="A" name="red"><failure message="f"/><rerunFailure message="again"/></testcase>',
        tests=2,
        failures=1,
    )
    tally = read(text).tally
    assert {name: count for name, count in tally.counts.items() if count} == {"flaky": 1, "failed": 1}
    assert tally.flaky_ids == ["A::flaky"]


def test_equal_ids_are_kept_and_named(read: Reading) -> None:
    tally = read(suite(*["<testcase classname='c' name='n' time='0'/>"] * 3, tests=3)).tally
    assert tally.total == 3
    assert tally.duplicates == 2
    assert tally.duplicate_ids == ["c::n", "c::n"]
    assert [row["ordinal"] for row in read.rows] == ["1", "2", "3"]


def test_equal_names_in_two_suites_are_two_tests(read: Reading) -> None:
    inner = [suite("<testcase classname='c' name='n'/>", name=name) for name in ("chrome", "firefox")]
    assert read(f"<testsuites>{''.join(inner)}</testsuites>").tally.duplicates == 0


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("14,029.255", "14029.255"),
        (".5", ".5"),
        ("1.", "1."),
        ("0.100", "0.100"),
        ("12.345678901", "12.3456789"),
        ("1e-05", "1e-05"),
        ("-1", ""),
        ("NaN", ""),
        ("inf", ""),
        ("1e400", ""),
        ("12s", ""),
        ("1_000", ""),
        ("٣", ""),
        ("0,160", ""),
        ("1,234", ""),
        ("", ""),
    ],
)
def test_durations(read: Reading, time: str, seconds: str) -> None:
    tally = read(suite(f"<testcase name='a' time='{time}'/>")).tally
    assert read.rows[0]["duration_seconds"] == seconds
    assert tally.invalid_durations == (not seconds)
    assert tally.counts["passed"] == 1


def test_an_absent_duration_is_no_invalid_one(read: Reading) -> None:
    assert read(suite("<testcase name='a'/>")).tally.invalid_durations == 0


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        (b"", "REPORT_EMPTY", "empty"),
        (b"\xef\xbb\xbf", "REPORT_EMPTY", "empty"),
        (b" \n ", "REPORT_EMPTY", "empty"),
        (PYTEST[:600], "REPORT_TRUNCATED", "line"),
        ("<testsuite><testcase name='a'/>", "REPORT_TRUNCATED", "line 1"),
        ("<?xml version='1.0'?>\n", "REPORT_TRUNCATED", "no element found"),
        ('{"tests": 1}', "REPORT_NOT_XML", "'{\"tests\": 1}'"),
        ("npm WARN old\n<testsuite/>", "REPORT_NOT_XML", "npm WARN"),
        ("<!DOCTYPE html><html></html>", "REPORT_NOT_XML", "HTML"),
        ("<html><body/></html>", "REPORT_NOT_XML", "HTML"),
        ("<testsuite></testsuite>\nKilled", "REPORT_JUNK", "text after </testsuite>, line 2"),
        ("<TestRun/>", "REPORT_FORMAT", "root <TestRun> looks like TRX"),
        ("<test-run/>", "REPORT_FORMAT", "NUnit"),
        ("<x:testsuite xmlns:x='u'/>", "REPORT_FORMAT", "x:testsuite"),
        ("<testsuite xmlns='http://example.com/j'/>", "REPORT_FORMAT", "namespace"),
        (b"<testsuite name='\xff\xfe'/>", "XML_NOT_WELL_FORMED", "line 1"),
        (b"<testsuite name='a\0b'/>", "XML_NOT_WELL_FORMED", "line 1"),
        ("<testsuite name='&#0;'/>", "XML_NOT_WELL_FORMED", "line 1"),
        ("<testsuite name='\x1b[31m'/>", "XML_NOT_WELL_FORMED", "line 1"),
        ("<testsuite><testcase></testsuite>", "XML_NOT_WELL_FORMED", "mismatched"),
        (b"<?xml version='1.0' encoding='UTF-7'?><testsuite/>", "XML_ENCODING", "not supported"),
        (b"<?xml version='1.0' encoding='nonsense'?><testsuite/>", "XML_ENCODING", "nonsense"),
        (
            "<!DOCTYPE t [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><testsuite name='&b;'/>",
            "XML_ENTITY_REFUSED",
            "'a'",
        ),
        (
            "<!DOCTYPE t [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
            "<testsuite><testcase name='a'>&x;</testcase></testsuite>",
            "XML_ENTITY_REFUSED",
            "'x'",
        ),
        (
            "<!DOCTYPE t [<!ENTITY % p SYSTEM 'http://169.254.169.254/'> %p;]><testsuite/>",
            "XML_ENTITY_REFUSED",
            "'p'",
        ),
        (
            "<!DOCTYPE t SYSTEM 'http://example.com/t.dtd'>"
            "<testsuite><testcase name='a'>&later;</testcase></testsuite>",
            "XML_ENTITY_REFUSED",
            "later",
        ),
        ("<testsuite><testcase name='a'>&nothing;</testcase></testsuite>", "XML_ENTITY_REFUSED", "undefined"),
        ("<testsuite>" + "<a>" * 200_000, "XML_LIMIT", "depth > 100"),
        ("<testsuite " + " ".join(f"a{n}='1'" for n in range(1000)) + "/>", "XML_LIMIT", "attributes > 256"),
        ("<testsuite name='" + "x" * (20 << 20) + "'/>", "XML_LIMIT", "value > 1 MiB"),
        ("<testsuite name='" + "x" * (3 << 19) + "'/>", "XML_LIMIT", "value > 1 MiB"),
    ],
)
def test_reports_that_are_not_believed(read: Reading, text: str | bytes, code: str, part: str) -> None:
    found, message = problem(read, text)
    assert found == code
    assert part in message
    assert len(message) < 300


def test_a_doctype_alone_is_harmless(read: Reading) -> None:
    text = "<!DOCTYPE testsuite SYSTEM 'http://example.com/junit.dtd'><testsuite><testcase name='a'/></testsuite>"
    assert read(text).tally.total == 1


@pytest.mark.parametrize(
    "encoded",
    [
        "<?xml version='1.0' encoding='UTF-16'?><testsuite><testcase name='grün'/></testsuite>".encode("utf-16"),
        "<?xml version='1.0' encoding='ISO-8859-1'?><testsuite><testcase name='grün'/></testsuite>".encode("latin-1"),
        "<?xml version='1.0' encoding='windows-1252'?><testsuite><testcase name='grün'/></testsuite>".encode("cp1252"),
        "\ufeff<testsuite><testcase name='grün'/></testsuite>".encode(),
    ],
)
def test_encodings_that_are_read(read: Reading, encoded: bytes) -> None:
    read(encoded)
    assert read.rows[0]["name"] == "grün"


def test_a_name_of_a_megabyte_is_cut_and_stays_unique(read: Reading) -> None:
    first, second = "n" * (1 << 19), "n" * ((1 << 19) + 1)
    read(suite(f"<testcase name='{first}'/>", f"<testcase name='{second}'/>"))
    names = [row["name"] for row in read.rows]
    assert [len(name) <= 2000 for name in names] == [True, True]
    assert names[0] != names[1]


def test_long_output_keeps_its_end(read: Reading) -> None:
    text = suite("<testcase name='a'><failure message='m'>" + "x" * 500_000 + "THE END</failure></testcase>")
    tally = read(text).tally
    assert read.rows[0]["detail"].endswith("THE END")
    assert len(read.rows[0]["detail"]) < 17_000
    assert tally.failures[0]["detail"].endswith("THE END")


def test_hostile_names_stay_text(read: Reading) -> None:
    name = '=cmd|"/c calc"!A1,\n\'; DROP TABLE x --<script>'
    escaped = name.replace("<", "&lt;").replace('"', "&quot;").replace("\n", "&#10;")
    read(suite(f'<testcase name="{escaped}"/>'))
    assert read.rows[0]["name"] == name


def test_not_run_is_skipped(read: Reading) -> None:
    text = suite("<testcase name='a' status='notrun'/>", "<testcase name='b' status='run'/>")
    assert read(text).tally.counts["skipped"] == 1


def test_properties_are_read(read: Reading) -> None:
    read(suite("<properties><property name='seed' value='7'/></properties>", "<testcase name='a'/>"))
    assert read.document.properties == {"seed": "7"}


def repaired(folder: Path, data: bytes) -> tuple[int, str]:
    """Read a report with `repair`; return how many characters were replaced, and the first case's name."""
    path = folder / "broken.xml"
    path.write_bytes(data)
    with (folder / "repaired.csv").open("w", encoding="utf-8", newline="") as file:
        document = read_junit(path, CaseWriter(file), repair=True)
    with (folder / "repaired.csv").open(encoding="utf-8", newline="") as file:
        return document.repaired, next(csv.DictReader(file))["name"]


@pytest.mark.parametrize(
    ("name", "count", "kept"),
    [
        (b"a\xff\xfeb", 2, "a\ufffd\ufffdb"),
        (b"a\0b", 1, "a\ufffdb"),
        (b"a&#0;b&#x1B;c&#10;", 2, "a\ufffdb\ufffdc\n"),
        (b"\x1b[31mred", 1, "\ufffd[31mred"),
        (b"\xed\xa0\x80", 3, "\ufffd\ufffd\ufffd"),
        ("gr\u00fcn \ufffd".encode(), 0, "grün \ufffd"),
    ],
)
def test_repair_replaces_what_no_xml_may_hold(tmp_path: Path, name: bytes, count: int, kept: str) -> None:
    text = b"<testsuite><testcase name='" + name + b"'/></testsuite>"
    assert repaired(tmp_path, text) == (count, kept)


def test_repair_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"<testsuite><testcase name='\xc3\xbc&#27;&amp;\xff'/></testsuite>"
    for size in (1, 2, 3, 7):
        monkeypatch.setattr("sluice.results.xml_reader.CHUNK", size)
        assert repaired(tmp_path, text) == (2, "ü\ufffd&\ufffd")


def test_repair_leaves_other_encodings_alone(tmp_path: Path) -> None:
    text = "<?xml version='1.0' encoding='ISO-8859-1'?><testsuite><testcase name='grün'/></testsuite>"
    assert repaired(tmp_path, text.encode("latin-1")) == (0, "grün")


@pytest.mark.parametrize(
    "said",
    [
        '<failure message="[XPASS(strict)] not yet"/>',
        '<failure type="UnexpectedSuccess" message="unexpected success"/>',
        '<error type="UnexpectedSuccess">UnexpectedSuccess</error>',
        '<failure message="Unexpected success"/>',
        "<failure>Failing test passed even though it was supposed to fail. </failure>",
        '<failure message="Expected to fail, but passed."/>',
    ],
)
def test_an_expected_failure_that_passed_is_counted_by_its_runners_words(read: Reading, said: str) -> None:
    other = '<testcase name="b"><failure message="the page says: unexpected success"/></testcase>'
    tally = read(f'<testsuite><testcase name="a">{said}</testcase>{other}</testsuite>').tally
    assert (tally.unexpected, tally.total) == (1, 2)

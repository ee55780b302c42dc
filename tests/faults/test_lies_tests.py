"""The lies of test runs on real processes: each is caught by name, and the honest twin passes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from sluice.logs.capped import TAIL_BYTES
from sluice.stages.testing import execution
from tests.stages.testing_room import Room, counts, only, problem

pytestmark = pytest.mark.faults

GREEN = '<testsuite tests="1"><testcase classname="a" name="b" time="0.1"/></testsuite>'


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home that all tests of the stage share: the environments in it take seconds to make."""
    return tmp_path_factory.getbasetemp() / "test-stage-home"


@pytest.fixture
def room(tmp_path: Path, home: Path) -> Room:
    return Room(tmp_path, home)


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "GRACE_SECONDS", 1.0)


def shell(text: str, **more: object) -> dict[str, object]:
    """Return a configuration whose command is a shell script."""
    return {"frameworks": ["command"], "command": ["sh", "-c", text], "report": "junit.xml", **more}


class TestNothingWasTested:
    """Exit code 0 and no test is never green."""

    def test_unittest_discovers_nothing(self, room: Room) -> None:
        room.project(**{"a.py": "x = 1\n"})
        record = room.run(frameworks=["unittest"], coverage={"enabled": False})
        found = only(record)
        assert (found.total, found.collected, problem(found)) == (0, 0, "")
        assert not record.passed
        assert record.reason.startswith("unittest found no tests (exit code ")

    def test_everything_is_deselected(self, room: Room) -> None:
        room.project(**{"test_a.py": "def test_x(): pass\n"})
        record = room.run(frameworks=["pytest"], args=["-k", "nothing"], coverage={"enabled": False})
        assert (only(record).total, only(record).collected, only(record).exit_code) == (0, 0, 5)
        assert (record.passed, record.reason) == (False, "pytest found no tests (exit code 5)")

    def test_or_true(self, room: Room) -> None:
        room.project(**{"a.py": "x = 1\n"})
        record = room.run(**shell("echo '<testsuite tests=\"0\"/>' > junit.xml; false || true"))  # type: ignore[arg-type]
        assert (only(record).exit_code, only(record).total) == (0, 0)
        assert (record.passed, record.reason) == (False, "command found no tests (exit code 0)")

    def test_no_framework_at_all(self, room: Room) -> None:
        room.project(**{"a.py": "x = 1\n"})
        record = room.run()
        assert (record.passed, record.executions) == (False, ())
        assert record.reason == "no test framework is declared or was detected"


class TestReports:
    """A report that cannot be believed is a problem by name, and nothing in it counts."""

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("true", "REPORT_MISSING"),
            (": > junit.xml", "REPORT_EMPTY"),
            ("printf '%s' \"$GREEN\" | head -c 50 > junit.xml", "REPORT_TRUNCATED"),
            ("echo '{\"ok\": 1}' > junit.xml", "REPORT_NOT_XML"),
            ('echo "$GREEN" > junit.xml; echo Killed >> junit.xml', "REPORT_JUNK"),
            ("echo '<TestRun/>' > junit.xml", "REPORT_FORMAT"),
            ("ln -s /etc/passwd junit.xml", "REPORT_PATH_REFUSED"),
            ("mkfifo junit.xml", "REPORT_PATH_REFUSED"),
            ("mkdir junit.xml", "REPORT_PATH_REFUSED"),
            ("truncate -s 2G junit.xml", "REPORT_TOO_LARGE"),
            ("echo \"$GREEN\" > junit.xml; touch -d '2020-01-01' junit.xml", "REPORT_STALE"),
        ],
    )
    def test_not_believed(self, room: Room, text: str, code: str) -> None:
        room.project(**{"a.txt": "x"})
        record = room.run(**shell(text, env={"GREEN": GREEN}))  # type: ignore[arg-type]
        found = only(record)
        assert (problem(found), found.total, found.exit_code) == (code, 0, 0)
        assert not record.passed
        assert code in record.reason

    def test_the_honest_twin(self, room: Room) -> None:
        room.project(**{"a.txt": "x"})
        record = room.run(**shell('echo "$GREEN" > junit.xml', env={"GREEN": GREEN}))  # type: ignore[arg-type]
        assert (record.passed, counts(only(record))) == (True, {"total": 1, "passed": 1})

    def test_a_report_that_lay_in_the_repository(self, room: Room) -> None:
        room.project(**{"junit.xml": GREEN})
        record = room.run(**shell("true"))  # type: ignore[arg-type]
        assert problem(only(record)) == "REPORT_STALE"

    def test_a_report_of_the_repository_with_a_new_date(self, room: Room) -> None:
        room.project(**{"junit.xml": GREEN})
        record = room.run(**shell("true", setup=[["touch", "-d", "2040-01-01", "junit.xml"]]))  # type: ignore[arg-type]
        assert problem(only(record)) == "REPORT_STALE"

    def test_the_same_report_twice_is_one(self, room: Room) -> None:
        room.project(**{"a.txt": "x"})
        text = 'mkdir r; echo "$GREEN" > r/a.xml; cp r/a.xml r/b.xml'
        record = room.run(**shell(text, report="r/*.xml", env={"GREEN": GREEN}))  # type: ignore[arg-type]
        assert counts(only(record)) == {"total": 1, "passed": 1}

    def test_several_reports_are_added(self, room: Room) -> None:
        room.project(**{"a.txt": "x"})
        text = 'mkdir r; echo "$GREEN" > r/a.xml; sed s/name=\\"b/name=\\"c/ r/a.xml > r/b.xml'
        record = room.run(**shell(text, report="r/*.xml", env={"GREEN": GREEN}))  # type: ignore[arg-type]
        assert counts(only(record)) == {"total": 2, "passed": 2}

    def test_a_bomb_costs_nothing(self, room: Room) -> None:
        bomb = "<!DOCTYPE t [<!ENTITY a 'ha'>" + "".join(
            f"<!ENTITY a{n} '&a{n - 1 or ''};&a{n - 1 or ''};'>" for n in range(1, 40)
        )
        room.project(**{"bomb.xml": bomb + "]><testsuite name='&a39;'/>"})
        began = time.monotonic()
        found = only(room.run(**shell("cp bomb.xml junit.xml")))  # type: ignore[arg-type]
        assert problem(found) == "XML_ENTITY_REFUSED"
        assert time.monotonic() - began < 10

    def test_exit_code_and_report_disagree(self, room: Room) -> None:
        room.project(**{"a.txt": "x"})
        red = GREEN.replace("/></testsuite>", '><failure message="no"/></testcase></testsuite>')
        said_green = room.run(**shell('echo "$RED" > junit.xml', env={"RED": red}))  # type: ignore[arg-type]
        assert said_green.reason == "1 of 1 tests failed, though the exit code is 0"
        said_red = room.run(**shell('echo "$GREEN" > junit.xml; exit 3', env={"GREEN": GREEN}))  # type: ignore[arg-type]
        assert said_red.reason == "command ended with exit code 3, though no test failed"
        assert not said_green.passed
        assert not said_red.passed

    def test_counters_that_lie_are_kept_as_declared(self, room: Room) -> None:
        room.project(**{"a.txt": "x"})
        record = room.run(**shell('echo "$LIE" > junit.xml', env={"LIE": GREEN.replace('"1"', '"10"', 1)}))  # type: ignore[arg-type]
        assert (only(record).declared_total, only(record).total) == (10, 1)


class TestKilled:
    """A runner that did not end by itself has no green report."""

    def test_a_crash_names_the_test(self, room: Room) -> None:
        text = "import os, signal\ndef test_ok(): pass\ndef test_crash(): os.kill(os.getpid(), signal.SIGSEGV)\n"
        room.project(**{"test_a.py": text})
        record = room.run(frameworks=["pytest"], coverage={"enabled": False})
        found = only(record)
        assert (found.signal, found.exit_code, problem(found)) == (11, 139, "REPORT_MISSING")
        assert found.running == ("test_a.py::test_crash",)
        assert record.reason == "pytest was ended by signal 11 (SIGSEGV) in test_a.py::test_crash"

    def test_leaving_without_a_word(self, room: Room) -> None:
        room.project(**{"test_a.py": "import os\ndef test_ok(): pass\ndef test_leaves(): os._exit(0)\n"})
        record = room.run(frameworks=["pytest"], coverage={"enabled": False})
        assert (only(record).exit_code, problem(only(record))) == (0, "REPORT_MISSING")
        assert not record.passed

    def test_a_child_in_a_pipe(self, room: Room) -> None:
        room.project(**{"a.txt": "x"})
        text = "echo \"$GREEN\" > junit.xml; sh -c 'kill -9 $$'"
        record = room.run(**shell(text, env={"GREEN": GREEN}))  # type: ignore[arg-type]
        assert (only(record).signal, record.passed) == (9, False)

    def test_out_of_memory(self, room: Room) -> None:
        text = "def test_ok(): pass\ndef test_eats():\n    kept = []\n    while True: kept.append(bytearray(8 << 20))\n"
        room.project(**{"test_a.py": text})
        record = room.run(frameworks=["pytest"], memory="128Mi", coverage={"enabled": False})
        found = only(record)
        assert not record.passed
        if found.out_of_memory:  # a control group held the limit, and the kernel killed
            assert record.reason == "pytest: out of memory (limit 128 MiB)"
        else:  # a resource limit held: the allocation failed in the test
            assert found.failed == 1
        assert found.peak_memory_bytes < 400 << 20

    def test_a_child_out_of_memory_under_a_green_report(self, room: Room) -> None:
        room.project(**{"a.txt": "x"})
        eat = "python3 -c 'b = bytearray(300 << 20); b[::4096] = b\"x\" * len(b[::4096])'"
        text = f'({eat} || true) | cat; echo "$GREEN" > junit.xml'
        record = room.run(**shell(text, memory="64Mi", env={"GREEN": GREEN}))  # type: ignore[arg-type]
        found = only(record)
        if not found.out_of_memory:
            pytest.skip("no control group holds memory here, and so nobody can tell")
        assert (found.exit_code, found.passed, record.passed) == (0, 1, False)
        assert record.reason == "command: out of memory (limit 64 MiB)"

    def test_a_suite_that_hangs_ignores_term_and_leaves_a_daemon(self, room: Room) -> None:
        text = """
import os, signal, subprocess, sys, time
def test_ok(): pass
def test_hangs():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = "import os, signal, time; signal.signal(15, signal.SIG_IGN);"
    code += "open('daemon', 'w').write(str(os.getpid())); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    time.sleep(600)
"""
        room.project(**{"test_a.py": text})
        began = time.monotonic()
        record = room.run(frameworks=["pytest"], timeout=3, coverage={"enabled": False})
        found = only(record)
        assert (found.timed_out, problem(found)) == (True, "REPORT_MISSING")
        assert found.running == ("test_a.py::test_hangs",)
        assert record.reason == "pytest did not end within 3 s in test_a.py::test_hangs"
        assert time.monotonic() - began < 25
        (left,) = room.place.workspace.rglob("daemon")  # type: ignore[union-attr]
        assert not _alive(int(left.read_text()))


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class TestLogs:
    """What tests print cannot fill the disk or the memory."""

    def test_a_flood_is_cut_and_said(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLUICE_LOG_LIMIT_MB", "0.01")
        room.project(**{"a.txt": "x"})
        text = 'yes | head -n 100000; echo "$GREEN" > junit.xml'
        record = room.run(**shell(text, env={"GREEN": GREEN}))  # type: ignore[arg-type]
        log = room.read(only(record).log)
        assert record.passed
        assert len(log) < 10_485 + TAIL_BYTES + 400
        told = [line for line in log.splitlines() if line.startswith("[")]
        assert len(told) == 2
        left = int(told[1].removeprefix("[").split()[0])
        assert log.splitlines().count("y") + left == 100_000, "each line is there or counted"

    def test_bytes_that_are_no_text(self, room: Room) -> None:
        room.project(**{"a.txt": "x"})
        text = 'head -c 100000 /dev/urandom; echo; echo "$GREEN" > junit.xml'
        assert room.run(**shell(text, env={"GREEN": GREEN})).passed  # type: ignore[arg-type]


def test_coverage_that_is_missing_stale_or_broken(room: Room) -> None:
    room.project(**{"old.xml": "<coverage line-rate='1'><packages/></coverage>"})
    os.sync()
    green = 'echo "$GREEN" > junit.xml; '
    codes = []
    for text in ("true", "touch -d 2020-01-01 old.xml; mv old.xml cov.xml", "echo nonsense > cov.xml"):
        told = shell(green + text, env={"GREEN": GREEN}, coverage={"report": "cov.xml", "fail_under": 50})
        record = room.run(**told)  # type: ignore[arg-type]
        found = only(record)
        assert (record.passed, record.reason) == (False, "the coverage gate is 50 %, and there is no coverage")
        codes.append(found.coverage_problem.code if found.coverage_problem else "")
    assert codes == ["COVERAGE_MISSING", "COVERAGE_STALE", "COVERAGE_FORMAT"]

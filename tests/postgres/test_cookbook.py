"""Every question of the cookbook, on a history whose answers are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from sluice.store.engine import engine_for
from sluice.store.rollups import roll_up
from tests.cookbook import questions
from tests.postgres.story import FLAKY, GREEN, RED, SKIPPED, Case, Story, commit_of
from tests.postgres_server import TEMPLATE, PostgresServer

pytestmark = pytest.mark.postgres
QUESTIONS = questions()
REFUND, REPORT = "tests.pay.TestCard::test_refund", "tests.report.TestReport::test_year"
FAX, REMOTE = "tests.old.TestLegacy::test_fax", "tests.net.TestNet::test_remote"
TOTAL, EMPTY, TOPIC = (
    "tests.cart.TestCart::test_total",
    "tests.cart.TestCart::test_empty",
    "tests.topic.TestTopic::test_it",
)
Rows = list[tuple[Any, ...]]


def cases(**replaced: Case) -> dict[str, Case]:
    """The tests as they are now; what is replaced has another outcome."""
    now = {
        REFUND: (GREEN, 0.2),
        REPORT: (GREEN, 8.0),
        REMOTE: (SKIPPED, None),
        TOTAL: (GREEN, 0.1),
        EMPTY: (GREEN, 0.1),
    }
    return now | {globals()[name]: case for name, case in replaced.items()}


def tell(story: Story) -> None:
    """Write the history."""
    _first(story)
    _second(story)
    _red(story)
    _others(story)


def _first(story: Story) -> None:
    commit = story.commit("shop", "one", 60, "Ada", "Begin")
    run = story.run("shop", 60, commit)
    files = {"shop/pay.py": (100, 50), "shop/cart.py": (50, 40)}
    known = {name: case for name, case in cases().items() if name != EMPTY} | {REPORT: (GREEN, 2.0), FAX: (GREEN, 0.1)}
    story.tests(story.stage(run, "test", 60), known, files)
    digest = story.release("shop", "1.0", commit)
    story.scan(run, digest, {"CVE-1": "high"}, {"urllib3": "2.0.0"})
    story.move(run, "shop", "production", digest, 59)


def _second(story: Story) -> None:
    commit = story.commit("shop", "two", 10, "Bob", "Speed up")
    run = story.run("shop", 10, commit)
    known = {name: case for name, case in cases().items() if name != EMPTY}
    story.tests(story.stage(run, "test", 70), known, {"shop/pay.py": (100, 60), "shop/cart.py": (50, 40)})
    build = story.stage(run, "build", 20)
    digest = story.release("shop", "1.1", commit)
    findings = {"CVE-1": "high", "CVE-2": "medium", "CVE-3": "low"}
    story.scan(run, digest, findings, {"urllib3": "2.0.7", "flask": "3.1.0"}, waived="CVE-3")
    story.move(run, "shop", "staging", digest, 9.5)
    story.move(run, "shop", "production", digest, 9)
    topic = story.run("shop", 3, story.commit("shop", "topic", 3, "Cleo", "Try"), branch="topic", state="failed")
    story.stage(topic, "build", 1, "reused", reused=build)
    story.tests(story.stage(topic, "test", 60, "failed"), cases() | {TOPIC: (RED, 0.1)})


def _red(story: Story) -> None:
    files = {"shop/pay.py": (100, 60), "shop/cart.py": (50, 40)}
    for name, days, author, subject, changed in (
        ("three", 5, "Cleo", "Break refunds", ("shop/pay.py", "shop/cart.py")),
        ("four", 2, "Ada", "Say more", ("shop/pay.py",)),
    ):
        queued = 300.0 if name == "three" else 5.0
        run = story.run("shop", days, story.commit("shop", name, days, author, subject), state="failed", queued=queued)
        checkout = story.stage(run, "checkout", 1)
        for path in changed:
            story.put("changed_files", stage_run_id=checkout, path=path, change="M", additions=1, deletions=0)
        test = story.stage(run, "test", 80, "failed")
        story.check(test, "T02", "not_enough_history", name="TEST_COUNT_DROP")
        if name == "three":
            story.tests(test, cases(REFUND=(RED, 0.2), EMPTY=(FLAKY, 0.1)), files)
        else:
            story.tests(test, cases(REFUND=(RED, 0.2), TOTAL=(RED, 0.1)), files)
            story.tests(test, cases(REFUND=(RED, 0.2)), cell="py3.12")


def _others(story: Story) -> None:
    for days, stage, code in ((20, "test", "T01"), (21, "test", "T01"), (22, "build", "B01")):
        run = story.run("shop", days, commit_of("one"), branch="lies", state="failed")
        rejected = story.stage(run, stage, 5, "rejected")
        story.check(rejected, code, "failed", name="NO_TESTS" if code == "T01" else "DIGEST_MISMATCH")
        story.check(rejected, "C06", "failed", "warn")
    commit = story.commit("shop", "five", 3, "Bob", "Go too far")
    run = story.run("shop", 2.9, commit, state="rolled_back")
    bad, good = story.release("shop", "1.2", commit), story.release("shop", "1.0.1", commit_of("two"))
    story.move(run, "shop", "production", good, 2.5, state="failed")
    story.move(run, "shop", "production", bad, 2)
    digest = "sha256:" + b"1.1".hex().ljust(64, "0")
    story.move(run, "shop", "production", digest, 1.9, undoes=bad)
    commit = story.commit("billing", "bill", 8, "Dan", "Bill")
    run = story.run("billing", 8, commit)
    digest = story.release("billing", "2.0", commit)
    build = story.stage(run, "build", 20)
    story.scan(run, digest, {}, {"urllib3": "1.26.0"})
    story.move(run, "billing", "production", digest, 7)
    known = {"project_id": story.project("billing"), "branch": "main"}
    story.put("performance_runs", stage_run_id=build, stage="build", recorded_at=story.ago(1), **known)
    story.put("performance_metrics", stage_run_id=build, metric="build.size", value=500.0, unit="bytes")
    usual = {"samples": 9, "median": 100.0, "mad": 10.0, "lowest": 90.0, "highest": 500.0, "latest": 500.0}
    story.put("baselines", metric="build.size", recent=[100.0], stage_run_id=build, **known, **usual)


@pytest.fixture(scope="module")
def story(postgres_server: PostgresServer) -> Iterator[Story]:
    with postgres_server.database(TEMPLATE) as url, psycopg.connect(url.replace("+psycopg", "")) as connection:
        story = Story(connection)
        tell(story)
        connection.commit()
        engine = engine_for(url)
        connection.execute("UPDATE test_executions SET rolled_up = true WHERE start_time > now() - interval '4 days'")
        connection.commit()
        roll_up(engine)  # the older half; the newer is added up at the question
        connection.execute("UPDATE test_executions SET rolled_up = false WHERE start_time > now() - interval '4 days'")
        connection.commit()
        engine.dispose()
        connection.execute("SET ROLE sluice_reader")
        yield story


def ask(story: Story, title: str) -> Rows:
    """Ask as the reader."""
    return story.connection.execute(QUESTIONS[title].encode()).fetchall()


def near(*values: float) -> list[Any]:
    return [pytest.approx(value) for value in values]


def week(moment: datetime) -> date:
    return (moment - timedelta(days=moment.weekday())).date()


CLASSES = {
    "tests.report.TestReport": 32.0,
    "tests.pay.TestCard": 0.8,
    "tests.cart.TestCart": 0.7,
    "tests.net.TestNet": 0.0,
}


def test_slowest(story: Story) -> None:
    rows = ask(story, "Which tests are slowest?")
    assert rows[0] == (REPORT, 8.0, 8.0)
    assert [row[0] for row in rows] == [REPORT, REFUND, EMPTY, TOTAL, REMOTE]
    assert rows[-1] == (REMOTE, None, None)


ANSWERS: dict[str, Rows] = {
    "Which tests became slower?": [(REPORT, 2.0, 8.0, 4.0)],
    "Which tests fail most often?": [(REFUND, 3, 4, 0.75), (TOTAL, 1, 4, 0.25)],
    "Which tests fail on one branch only?": [(TOPIC, "topic", 1)],
    "Which tests are flaky?": [(EMPTY, 1), (TOTAL, 1)],
    "Which tests are always skipped?": [(REMOTE, 4)],
    "Which files are covered least?": [("shop/pay.py", 40, 0.6, "1-9"), ("shop/cart.py", 10, 0.8, "1-9")],
    "How many findings serve where, by severity?": [
        ("shop", "production", "high", 1),
        ("shop", "production", "low", 1),
        ("shop", "production", "medium", 1),
        ("shop", "staging", "high", 1),
        ("shop", "staging", "low", 1),
        ("shop", "staging", "medium", 1),
    ],
    "Which findings are new in the newest scan?": [
        ("low", "CVE-3", "urllib3", None, "About CVE-3"),
        ("medium", "CVE-2", "urllib3", None, "About CVE-2"),
    ],
    "Which findings are waived?": [
        ("shop", "production", "CVE-3", "urllib3", "About CVE-3"),
        ("shop", "staging", "CVE-3", "urllib3", "About CVE-3"),
    ],
    "Where does a package run?": [
        ("billing", "production", "urllib3", "1.26.0"),
        ("shop", "production", "urllib3", "2.0.7"),
        ("shop", "staging", "urllib3", "2.0.7"),
    ],
    "How much was reused?": [("build", 1, 3, 1 / 3), ("checkout", 0, 2, 0.0), ("scan", 0, 2, 0.0), ("test", 0, 4, 0.0)],
    "Which code rejects most often?": [("T01", "NO_TESTS", 2, 1), ("B01", "DIGEST_MISMATCH", 1, 1)],
    "Which checks still lack history?": [("shop", "T02", "TEST_COUNT_DROP", 2)],
    "Which files are changed when the main branch turns red?": [("shop/pay.py", 2), ("shop/cart.py", 1)],
    "What share of deploys goes wrong? (DORA)": [(4, 2, 0.5)],
}


@pytest.mark.parametrize("title", ANSWERS)
def test_the_answer_is_what_was_planted(story: Story, title: str) -> None:
    assert ask(story, title) == ANSWERS[title]


def test_where_the_time_goes(story: Story) -> None:
    rows = ask(story, "Where does the time of the tests go?")
    assert {row[0]: row[1] for row in rows} == pytest.approx(CLASSES)
    assert [row[0] for row in rows] == list(CLASSES)


def test_who_broke_it(story: Story) -> None:
    (row,) = ask(story, "Who broke it?")
    assert row[:4] == (REFUND, commit_of("three"), "Cleo", "Break refunds")
    assert story.ago(5) <= row[4] < story.ago(4)


def test_one_test(story: Story) -> None:
    rows = ask(story, "What has become of one test?")
    assert [(row[1], row[4]) for row in rows] == [
        *[("main", RED)] * 2,
        ("topic", GREEN),
        ("main", RED),
        *[("main", GREEN)] * 2,
    ]


def test_new_and_gone_tests(story: Story) -> None:
    assert ask(story, "Which tests are new?") == [(EMPTY, week(story.ago(5)))]
    assert ask(story, "Which tests do not run any more?") == [(FAX, week(story.ago(60)))]


def test_growth(story: Story) -> None:
    rows = ask(story, "How does the number of tests grow?")
    assert (rows[0][1], max(row[1] for row in rows)) == (5, 6)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)


def test_coverage_over_time(story: Story) -> None:
    rows = ask(story, "How does the coverage of a file develop?")
    assert (rows[0][0].date(), rows[0][1]) == (week(story.ago(60)), 0.5)
    assert [row[1] for row in rows[1:]] == near(*[0.6] * (len(rows) - 1))
    rows = ask(story, "How does the coverage of a project develop?")
    assert [rows[0][1], rows[-1][1]] == near(0.6, 100 / 150)


def test_old_findings_in_production(story: Story) -> None:
    (row,) = ask(story, "Which findings have been in production for more than 30 days?")
    assert row[:4] == ("high", "CVE-1", "urllib3", "About CVE-1")
    assert story.ago(60) < row[4] < story.ago(59)


def test_stages_by_week(story: Story) -> None:
    rows = ask(story, "How long does each stage take, by week?")
    assert (week(story.ago(60)), "test", 1, 60.0) in [(row[0].date(), *row[1:]) for row in rows]
    assert sum(row[2] for row in rows if row[1] == "test") == 5
    assert max(row[3] for row in rows) == 80.0


def test_queue(story: Story) -> None:
    rows = ask(story, "Which runs waited longest for their start?")
    assert rows[0][1:] == ("shop", "main", 300.0)
    assert {row[3] for row in rows[1:]} == {5.0}


def test_green_main(story: Story) -> None:
    rows = ask(story, "How often is the main branch green?")
    assert rows[0][1:] == (1, 1.0)
    assert sum(row[1] for row in rows) == 5
    assert sum(row[1] * row[2] for row in rows) == pytest.approx(2)


def test_unusual_figures(story: Story) -> None:
    (row,) = ask(story, "Which figures are far from what is usual?")
    assert row[1:] == ("billing", "build.size", 500.0, 100.0, pytest.approx(400 / 14.826))


def test_commits_in_environments(story: Story) -> None:
    rows = ask(story, "Which commit is where?")
    assert [row[:5] for row in rows] == [
        ("billing", "production", "2.0", commit_of("bill"), "Bill"),
        ("shop", "production", "1.1", commit_of("two"), "Speed up"),
        ("shop", "staging", "1.1", commit_of("two"), "Speed up"),
    ]
    assert rows[1][5] == story.ago(1.9)


def test_what_served(story: Story) -> None:
    rows = ask(story, "What served in an environment, and for how long?")
    assert [row[:2] for row in rows] == [("rollback", "1.1"), ("deploy", "1.2"), ("deploy", "1.1"), ("deploy", "1.0")]
    assert [row[4] / timedelta(days=1) for row in rows[1:]] == near(0.1, 7, 50)


def test_delivery_figures(story: Story) -> None:
    assert sum(row[1] for row in ask(story, "How often is production deployed? (DORA)")) == 3
    lead = ask(story, "How long does a change take to production? (DORA)")
    assert {row[1] / timedelta(days=1) for row in lead} == {1.0}
    assert [row[1:] for row in ask(story, "How long does it take to restore? (DORA)")] == [(1, 30.0)]


def test_every_question_is_asked_here_and_reads_views_only() -> None:
    here = Path(__file__).read_text()
    assert len(QUESTIONS) >= 30
    assert [title for title in QUESTIONS if f'"{title}"' not in here] == []
    for title, query in QUESTIONS.items():
        names = set(re.findall(r"(?<!epoch )(?:FROM|JOIN)\s+(?:LATERAL\s+)?([a-z_]+)", query))
        own = set(re.findall(r"([a-z_]+) AS \(", query)) | {"unnest"}
        assert {name for name in names - own if not name.startswith("v_")} <= {"red", "newest"}, title


def test_a_question_cannot_write(story: Story) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        story.connection.execute(sql.SQL("DELETE FROM test_results"))
    story.connection.rollback()
    story.connection.execute("SET ROLE sluice_reader")


def test_where_a_cve_runs(story: Story) -> None:
    rows = ask(story, "Which environments run a given CVE?")
    day = story.ago(60).date()
    told = [(project, place, package, seen_by) for project, place, package, _, _, _, seen_by, _ in rows]
    assert told == [("shop", "production", "urllib3", "scan"), ("shop", "staging", "urllib3", "scan")]
    assert {row[5] for row in rows} <= {day, day + timedelta(days=1)}

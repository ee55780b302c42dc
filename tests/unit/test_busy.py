"""How busy the machine is, is wall time by processor time; by whom, is who had the processors."""

from __future__ import annotations

import time

import pytest

from sluice import busy
from sluice.busy import Contest, Moment, Shares, shares, slowdown


def test_an_idle_machine_is_never_faster_than_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 0.5 * time.thread_time())
    assert slowdown() == 1.0


def test_waiting_for_the_processor_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 3.0 * time.thread_time())
    assert slowdown() == pytest.approx(3.0, rel=0.05)


def seen(*spans: tuple[float, float, float]) -> list[Moment]:
    """Seconds of somebody, of us and of others on two processors, second by second."""
    found = [Moment(100.0, 5.0, 7.0, 900.0)]
    for theirs, ours, others in spans:
        last = found[-1]
        worked = last.worked + theirs + ours + others
        found.append(Moment(last.wall + 1, last.theirs + theirs, last.ours + ours, worked))
    return found


@pytest.mark.parametrize(
    ("span", "crowded"),
    [
        ((1.8, 0.1, 0.1), 0.0),
        ((1.3, 0.1, 0.6), 0.0),
        ((1.2, 0.1, 0.7), 1.0),
        ((0.1, 0.1, 1.8), 1.0),
        ((0.1, 0.1, 1.5), 1.0),
        ((0.1, 0.1, 1.4), 0.0),
        ((0.0, 2.0, 0.0), 1.0),
    ],
)
def test_others_crowd_where_nothing_is_idle_and_they_had_much(span: tuple[float, float, float], crowded: float) -> None:
    found = shares(seen(span), processors=2)
    assert found is not None
    assert (found.theirs, found.others, found.crowded) == pytest.approx((span[0], span[2], crowded))


def test_shares_are_of_the_whole_time() -> None:
    found = shares(seen((1.0, 0.2, 0.0), (0.5, 0.2, 1.3), (0.9, 0.2, 0.0), (0.8, 0.0, 0.3)), processors=2)
    assert found is not None
    assert (found.theirs, found.others, found.crowded) == pytest.approx((0.8, 0.4, 0.25))


def test_who_ended_took_its_seconds_along() -> None:
    found = shares([Moment(0, 9, 9, 100), Moment(1, 1, 1, 102)], processors=2)
    assert found == Shares(0.0, 2.0, 1.0)


def test_one_moment_tells_nothing() -> None:
    assert shares(seen(), processors=2) is None


def test_a_contest_is_watched_until_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    monkeypatch.setattr(busy, "SAMPLE_SECONDS", 0.001)
    monkeypatch.setattr(busy, "worked", lambda: 2.0 * len(looks))
    monkeypatch.setattr(busy, "spent_by", lambda _: 0.0)
    contest = Contest(lambda: looks.append(1.0) or float(len(looks)))
    contest.start()
    while len(looks) < 3:
        time.sleep(0)
    found = contest.shares()
    assert not contest.is_alive()
    assert found is not None
    assert found.theirs == pytest.approx(found.others)


def test_a_contest_with_somebody_unknown_is_not_judged() -> None:
    contest = Contest(lambda: None)
    contest.start()
    assert contest.shares() is None

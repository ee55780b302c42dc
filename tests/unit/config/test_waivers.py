"""Waivers of checks: what is wrong with one is said at its line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from sluice.config.load import load
from sluice.config.model import Config
from sluice.config.problems import ConfigFileError
from sluice.config.waivers import waiver_problems

TODAY = date(2026, 11, 28)
GOOD = {"code": "T03", "reason": "The old API moved away", "owner": "ada", "expires": "2027-11-29"}


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigFileError) as caught:
        load(text)
    return [line.removeprefix("sluice.yaml:") for line in caught.value.message.splitlines()]


def text(**fields: str) -> str:
    known = {"code": "T03", "reason": "The old API moved away", "owner": "ada", "expires": "2026-12-31", **fields}
    return "waivers:\n  - {" + ", ".join(f"{key}: {value}" for key, value in known.items() if value) + "}\n"


def test_a_waiver_is_read() -> None:
    (waiver,) = load(text()).config.waivers
    assert (waiver.code, waiver.owner, waiver.expires) == ("T03", "ada", "2026-12-31")


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"code": "T99"}, "2:12 waivers[0].code: found 'T99', allowed: a code of docs/no-silent-green.md, e.g. T02"),
        ({"reason": ""}, "2:5 waivers[0]: key 'reason' is missing (Why the run may go on; at least 8 characters)"),
        ({"owner": ""}, "2:5 waivers[0]: key 'owner' is missing (Who answers for it)"),
        ({"reason": "because"}, "2:25 waivers[0].reason: found 'because', allowed: at least 8 characters"),
    ],
)
def test_a_waiver_that_explains_nothing_is_refused(wrong: dict[str, str], line: str) -> None:
    assert problems(text(**wrong)) == [line]


def test_a_day_more_than_a_year_away_is_refused_at_its_line() -> None:
    far = datetime.now(UTC).date() + timedelta(days=400)
    (line,) = problems(text(expires=str(far)))
    assert f" waivers[0].expires: found {far}, allowed: within a year, " in line
    assert line.startswith("2:")


def test_a_year_is_counted_from_today() -> None:
    assert list(waiver_problems({"waivers": [GOOD]}, TODAY)) == []
    late = GOOD | {"expires": "2027-11-30"}
    assert [path for path, _ in waiver_problems({"waivers": [late]}, TODAY)] == [("waivers", 0, "expires")]


def test_one_that_has_expired_can_stand_there() -> None:
    assert list(waiver_problems({"waivers": [GOOD | {"expires": "2020-01-01"}]}, TODAY)) == []


def test_a_code_is_waived_once() -> None:
    found = list(waiver_problems({"waivers": [GOOD, GOOD]}, TODAY))
    assert found == [(("waivers", 1, "code"), "waivers[1].code: T03 is waived twice; keep one")]


@pytest.mark.parametrize("other", ["text", None, {"a": 1}, ["text", 3]])
def test_what_is_no_list_of_waivers_is_left_to_the_model(other: object) -> None:
    assert list(waiver_problems({"waivers": other}, TODAY)) == []


def test_a_waiver_counts_to_the_end_of_its_last_day() -> None:
    last = date(2026, 12, 1)
    declared = [
        {"code": code, "reason": "known for a while", "owner": "ada", "expires": expires.isoformat()}
        for code, expires in (("D03", last), ("D06", last - timedelta(days=1)))
    ]
    config = Config.model_validate({"waivers": declared})
    assert config.waived(last) == ("D03",)
    assert config.waived(last - timedelta(days=1)) == ("D03", "D06")
    assert config.waived(last + timedelta(days=1)) == ()

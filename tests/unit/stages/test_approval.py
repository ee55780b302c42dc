"""Who may approve, and when nobody may."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sluice.config.model import Environment
from sluice.errors import DeployRefusedError
from sluice.records.approval import refuse_frozen, refuse_wrong_approver

AUTHOR = "Ada Lovelace <ada@example.org>"
FREEZE = {"from": "2026-12-24T00:00:00+01:00", "to": "2026-12-27T00:00:00+01:00", "reason": "nobody is here"}


@pytest.mark.parametrize("who", ["grace", "Grace"])
def test_an_approver_who_is_not_the_author_may(who: str) -> None:
    refuse_wrong_approver(who, ["grace", "ada"], AUTHOR, "here")


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("mallory", "NOT_AN_APPROVER"),
        ("", "NOT_AN_APPROVER"),
        ("ada", "OWN_COMMIT"),
        ("ADA", "OWN_COMMIT"),
        ("ada@example.org", "OWN_COMMIT"),
        ("Ada Lovelace", "OWN_COMMIT"),
    ],
)
def test_others_may_not(who: str, code: str) -> None:
    with pytest.raises(DeployRefusedError) as caught:
        refuse_wrong_approver(who, ["grace", "ada", "ada@example.org", "ada lovelace"], AUTHOR, "here")
    assert (caught.value.code, caught.value.exit_code) == (code, 3)


@pytest.mark.parametrize(
    ("now", "frozen"),
    [
        (datetime(2026, 12, 23, 22, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 12, 23, 23, tzinfo=UTC), True),
        (datetime(2026, 12, 26, 22, 59, 59, tzinfo=UTC), True),
        (datetime(2026, 12, 26, 23, tzinfo=UTC), False),
    ],
)
def test_a_freeze_holds_from_its_beginning_to_its_end(now: datetime, frozen: bool) -> None:
    declaration = Environment.model_validate({"freeze": [FREEZE]})
    if not frozen:
        refuse_frozen(declaration, "production", now)
        return
    with pytest.raises(DeployRefusedError) as caught:
        refuse_frozen(declaration, "production", now)
    assert str(caught.value).startswith("FROZEN: production is frozen: nobody is here")

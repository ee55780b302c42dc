"""The lies after a rollback, each beside its honest twin."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.states import CheckStatus
from tests.boundaries import believed, caught, not_asked, result
from tests.factories import DIGEST, OTHER_DIGEST, replica, rollback, smoke_check

NOWHERE: dict[str, Any] = {"release": None, "target_present": False, "target_smoke_passed": False, "validation": ()}


def test_an_honest_rollback_is_believed() -> None:
    report = believed(rollback())
    assert [(each.code, each.status) for each in report.results] == [
        ("R02", CheckStatus.PASSED),
        ("R01", CheckStatus.PASSED),
        ("R04", CheckStatus.NOT_APPLICABLE),
        ("R03", CheckStatus.NOT_APPLICABLE),
        ("R05", CheckStatus.PASSED),
    ]


def test_a_rollback_with_nowhere_to_go_is_true_and_bad_and_is_believed() -> None:
    record = rollback(passed=False, reason="no release was ever good here", running_digests=(OTHER_DIGEST,), **NOWHERE)
    report = believed(record)
    assert set(not_asked(report)) == {"R01", "R02", "R03", "R04"}
    assert result(report, "R05").status is CheckStatus.PASSED


def test_a_rollback_to_as_many_replicas_as_the_old_release_had_is_believed() -> None:
    believed(rollback(), replicas=5)


def test_r02_the_target_is_gone() -> None:
    caught(rollback(target_present=False, reason="it is gone"), "R02", f"{DIGEST} in the store", "it is gone")


def test_r01_the_target_never_passed_smoke_here() -> None:
    caught(rollback(target_smoke_passed=False), "R01", "passed smoke in staging", "it never did")


@pytest.mark.parametrize(
    ("lie", "observed"),
    [
        ({"running_digests": (OTHER_DIGEST,)}, f"{OTHER_DIGEST} behind the proxy"),
        ({"running_digests": (DIGEST, OTHER_DIGEST)}, f"{DIGEST} and {OTHER_DIGEST} behind the proxy"),
        ({"running_digests": ()}, "nothing behind the proxy"),
        ({"replicas": (replica(1),)}, "1 healthy"),
        ({"replicas": (replica(1), replica(2, healthy=False))}, "1 healthy"),
        ({"validation": (smoke_check(), smoke_check(name="version", passed=False))}, "failed: version"),
        ({"validation": ()}, "not validated"),
        ({"passed": False, "reason": "drain timed out"}, "called failed: drain timed out"),
    ],
    ids=["bad-still-serves", "both-serve", "nothing-serves", "replica-short", "replica-ill", "smoke-fails",
         "not-validated", "says-so"],
)  # fmt: skip
def test_r05_the_environment_is_still_bad(lie: dict[str, Any], observed: str) -> None:
    caught(rollback(**lie), "R05", f"2 healthy replicas of {DIGEST}", observed)


def test_r05_called_passed_without_a_release_to_go_to() -> None:
    caught(rollback(**NOWHERE), "R05", "says so", "called passed without a release to go back to")


def test_r03_the_target_cannot_read_the_data() -> None:
    lie: dict[str, Any] = {"passed": False, "reason": "it cannot", "validation": (), "data_readable": False}
    caught(
        rollback(**lie, data_problem="schema 7, known is 6"),
        "R03",
        f"data that {DIGEST[:19]} can read",
        "schema 7, known is 6",
    )


def test_a_target_that_can_read_the_data_is_believed() -> None:
    believed(rollback(data_readable=True))


def test_a_backup_that_is_not_what_was_dumped_is_told() -> None:
    caught(rollback(backup_problem="its file is gone", passed=False), "R04", "what was dumped", "its file is gone")

"""What the Prefect UI shows of a canary."""

from __future__ import annotations

from tasks.display import canary
from tests import factories


def test_a_canary_is_a_table_of_both_releases() -> None:
    record = factories.deploy()
    steps = (
        factories.canary_step(),
        factories.canary_step(ordinal=2, weight=25, verdict="worse", reason="9 | failed", old_p95=None, error_p=3e-7),
    )

    lines = canary(record, steps).splitlines()

    assert lines[0] == f"# staging: `{record.release.digest[:19]}` beside the old release"
    assert lines[4].startswith(
        "| 5 % | no worse | 300 / 5700 | 12 / 228 | 0.021 s / 0.02 s | 0.5 / 1 | 12 of 300 failed"
    )
    assert lines[5] == "| 25 % | worse | 300 / 5700 | 12 / 228 | 0.021 s / | 3e-07 / 1 | 9 \\| failed |"

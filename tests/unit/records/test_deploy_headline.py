"""What a deploy says of itself in one line."""

from __future__ import annotations

from tests.factories import DIGEST, conditions, deploy


def test_a_refused_release_is_not_called_serving() -> None:
    refused = deploy(changed=False, conditions=conditions(D07="it is fenced"))
    assert refused.headline() == f"staging: {DIGEST[:19]} refused, nothing was started or changed"


def test_what_serves_already_is_told() -> None:
    assert deploy(changed=False).headline().endswith(" · already serving")
    assert "refused" not in deploy().headline()

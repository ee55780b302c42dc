"""The setting that says which token is for which git host."""

from __future__ import annotations

import pytest

from sluice.errors import ConfigError
from sluice.tools.git_credentials import Credential, host_of, parse
from sluice.tools.git_location import Location


def test_hosts_and_references() -> None:
    assert parse("") == {}
    assert parse(" Git.Example:443=env:TOKEN, other.example:8443 = file:/run/token,third=block:a=b ") == {
        "git.example": "env:TOKEN",
        "other.example:8443": "file:/run/token",
        "third": "block:a=b",
    }


@pytest.mark.parametrize(
    "setting", ["ghp-secret", "git.example=ghp-secret", "=env:ghp-secret", "git.example:ghp-secret"]
)
def test_what_is_no_reference_is_refused_and_a_token_in_it_is_not_shown(setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(setting)
    assert caught.value.code == "GIT_CREDENTIALS"
    assert "ghp-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "host"),
    [
        (Location("https://git.example/team/x.git"), "git.example"),
        (Location("https://git.example:8443/x"), "git.example:8443"),
        (Location("ssh://git@git.example/x"), ""),
        (Location("git@git.example:x"), ""),
        (Location("/srv/https://x", local=True), ""),
    ],
)
def test_only_https_has_a_host_to_log_in_at(location: Location, host: str) -> None:
    assert host_of(location) == host


def test_the_token_is_in_no_representation() -> None:
    assert "ghp" not in repr(Credential("git.example", "me", "ghp-secret"))

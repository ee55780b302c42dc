"""A service that declares no smoke test is asked for its health."""

from __future__ import annotations

from sluice.config.service import Service
from sluice.config.smoke import HttpCheck, SmokeConfig, VersionCheck

SERVICE = Service(command=("python", "app.py"), health="/ready")


def test_nothing_declared_asks_for_the_health_path() -> None:
    assert SmokeConfig().or_health(SERVICE).checks == (HttpCheck(name="health", path="/ready"),)


def test_what_is_declared_stays_as_it_is() -> None:
    for declared in (SmokeConfig(checks=(HttpCheck(path="/"),)), SmokeConfig(version=VersionCheck(path="/version"))):
        assert declared.or_health(SERVICE) == declared
    assert SmokeConfig().or_health(None) == SmokeConfig()

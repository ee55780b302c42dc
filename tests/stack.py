"""Everything that `sluice up` starts, once for a whole test session, in a home of its own.

A test module gets it by `from tests.stack import running_stack, stack` in its conftest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sluice.services import lifecycle
from sluice.services.status import status
from sluice.settings import Settings
from sluice.targets.ports import free_ports


def settings_for(home: Path) -> Settings:
    """Settings with a home and ports of their own: other stacks on this machine are left alone."""
    postgres, prefect, caddy = free_ports(3)
    return Settings.model_validate(
        {"SLUICE_HOME": home, "postgres_port": postgres, "prefect_port": prefect, "caddy_port": caddy}
    )


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The running services; stopped and removed at the end of the session."""
    settings = settings_for(tmp_path_factory.mktemp("stack") / "home")
    lines: list[str] = []
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("PREFECT_API_URL", raising=False)
            lifecycle.up(settings, lines.append)
        yield settings
    finally:
        lifecycle.down(settings, lines.append, purge=True)


@pytest.fixture
def stack(running_stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The running services with all of them well, and SLUICE_HOME pointing at them."""
    monkeypatch.setenv("SLUICE_HOME", str(running_stack.home.root))
    if not all(service.good for service in status(running_stack)):
        lifecycle.up(running_stack, lambda _line: None)
    return running_stack


def eventually(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s"
        time.sleep(0.05)

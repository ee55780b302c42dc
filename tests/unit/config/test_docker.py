"""The `docker` part of an environment."""

from __future__ import annotations

import pytest

from sluice.config.docker import LOCAL
from sluice.config.load import load

TEXT = "environments: {one: {target: docker%s}}\n"


def engine_of(more: str = "") -> str:
    return load((TEXT % more).encode()).config.environments["one"].docker.engine


def test_an_environment_runs_on_the_engine_that_builds_unless_it_names_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/docker.sock")
    assert engine_of() == "unix:///run/user/1000/docker.sock"
    assert engine_of(", docker: {pids: 20}") == "unix:///run/user/1000/docker.sock"
    assert engine_of(", docker: {engine: 'ssh://far'}") == "ssh://far"
    monkeypatch.delenv("DOCKER_HOST")
    assert engine_of() == LOCAL

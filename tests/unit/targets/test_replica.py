"""What a replica starts with."""

from __future__ import annotations

import pytest

from sluice.config.model import Environment, Service
from sluice.records.build import Release
from sluice.records.common import ArtifactRef
from sluice.targets.base import Launch
from sluice.targets.replica import command_of, configuration_of, environment_of

DIGEST = "ab" * 32


def launch(**declared: object) -> Launch:
    return Launch(
        project="greeter",
        environment="staging",
        deployment_id="d1",
        release=Release(
            digest=f"sha256:{DIGEST}",
            kind="bundle",
            project="greeter",
            version="1.2.3",
            commit="c" * 40,
            artifact=ArtifactRef(name="bundle", sha256=DIGEST, size=1),
        ),
        service=Service(command=("serve", "--bind", "127.0.0.1:{port}", "{port}"), port_variable="LISTEN"),
        declaration=Environment(**declared),  # type: ignore[arg-type]
        path="/releases/x/app",
        python="/releases/x/venv/bin/python",
    )


def test_the_port_is_put_into_every_word() -> None:
    assert command_of(launch(), 20123) == ["serve", "--bind", "127.0.0.1:20123", "20123"]


def test_the_environment_is_the_declared_one_and_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLUICE_DATABASE_URL", "postgresql://ours")
    monkeypatch.setenv("LANG", "C.UTF-8")

    found = environment_of(launch(variables={"GREETING": "hi"}), {"TOKEN": "hush"}, 20123)

    assert found == {
        "LANG": "C.UTF-8",
        "PATH": "/releases/x/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GREETING": "hi",
        "TOKEN": "hush",
        "SLUICE_COMMIT": "c" * 40,
        "SLUICE_RELEASE": f"sha256:{DIGEST}",
        "SLUICE_VERSION": "1.2.3",
        "SLUICE_ENVIRONMENT": "staging",
        "LISTEN": "20123",
    }


def test_the_configuration_changes_with_what_a_start_would_change_and_with_nothing_else() -> None:
    def configuration(secret: str = "one", **declared: object) -> str:
        asked = launch(**declared)
        return configuration_of(asked.service, asked.declaration, {"TOKEN": secret})

    same = configuration()

    assert configuration() == same
    assert configuration(protected=True) == same
    assert configuration(secret="two") != same
    assert configuration(variables={"A": "1"}) != same
    assert configuration(replicas=3) != same
    assert configuration(memory=512 << 20) != same

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from sluice.errors import InfrastructureError
from sluice.services import addresses, ports
from sluice.services.addresses import choose, load, prefect_database
from sluice.settings import Settings


def settings(home: Path, **more: object) -> Settings:
    made = Settings.model_validate({"SLUICE_HOME": home, **more})
    made.home.make()
    return made


@pytest.fixture(autouse=True)
def all_ports_free(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    taken: set[int] = set()
    monkeypatch.setattr(ports, "is_free", lambda port: port not in taken)
    monkeypatch.setattr(ports, "holder", lambda _port: "pid 7 (other)")
    return taken


def test_the_preferred_ports_come_first_and_are_kept(tmp_path: Path, all_ports_free: set[int]) -> None:
    first = choose(settings(tmp_path))
    assert (first.postgres_port, first.prefect_port, first.caddy_port) == (5433, 4200, 2019)
    assert load(settings(tmp_path)) == first
    assert json.loads(settings(tmp_path).home.services_file.read_text()) == addresses.PREFERRED


def test_a_taken_preferred_port_is_replaced_at_the_first_start_only(tmp_path: Path, all_ports_free: set[int]) -> None:
    all_ports_free.add(4200)
    first = choose(settings(tmp_path))
    assert first.prefect_port not in (4200, None)
    all_ports_free.add(first.prefect_port)
    with pytest.raises(ports.PortTakenError) as caught:
        choose(settings(tmp_path))
    assert "pid 7 (other)" in str(caught.value)
    assert "SLUICE_PREFECT_PORT=PORT sluice up" in str(caught.value)
    assert choose(settings(tmp_path), {"prefect"}) == first


def test_a_setting_moves_a_service(tmp_path: Path, all_ports_free: set[int]) -> None:
    choose(settings(tmp_path))
    moved = choose(settings(tmp_path, caddy_port=2222), {"caddy"})
    assert (moved.caddy_port, load(settings(tmp_path)).caddy_port) == (2222, 2222)
    all_ports_free.add(3333)
    with pytest.raises(ports.PortTakenError, match="SLUICE_CADDY_PORT"):
        choose(settings(tmp_path, caddy_port=3333))


def test_nobody_ever_started_them(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match=r"SERVICES_DOWN.*Run `sluice up`"):
        load(settings(tmp_path))


def test_a_broken_file_is_chosen_anew(tmp_path: Path) -> None:
    settings(tmp_path).home.services_file.write_text('{"postgres": 54')
    assert choose(settings(tmp_path)).postgres_port == 5433


def test_our_own_prefect_in_the_environment_is_no_outside_one(tmp_path: Path) -> None:
    ours = choose(settings(tmp_path))
    same = load(settings(tmp_path, PREFECT_API_URL=ours.prefect_api_url, PREFECT_API_AUTH_STRING="x:y"))
    assert same == ours


def test_an_outside_prefect_replaces_ours(tmp_path: Path) -> None:
    outside = {"PREFECT_API_URL": "https://prefect.example/api/", "PREFECT_API_AUTH_STRING": "a:b"}
    found = choose(settings(tmp_path, **outside))
    assert (found.prefect_api_url, found.prefect_ui_url) == ("https://prefect.example/api", "https://prefect.example")
    assert (found.prefect_port, found.prefect_database_url, found.prefect_auth) == (None, None, "a:b")
    assert load(settings(tmp_path, **outside)) == found


def test_an_outside_database_serves_both(tmp_path: Path) -> None:
    url = "postgresql://u:p@db.example:6000/ci?sslmode=require&application_name=x"
    found = choose(settings(tmp_path, database_url=SecretStr(url)))
    assert (found.database_url, found.postgres_port) == (url, None)
    assert found.prefect_database_url == "postgresql+asyncpg://u:p@db.example:6000/prefect?ssl=require"


def test_secrets_stay_out_of_representations(tmp_path: Path) -> None:
    found = choose(settings(tmp_path))
    password = (tmp_path / "secrets" / "postgres-password").read_text()
    assert password in found.database_url
    assert password not in repr(found)
    assert found.prefect_auth is not None
    assert found.prefect_auth.partition(":")[2] not in repr(found)


def test_prefect_database_of_a_plain_address() -> None:
    assert prefect_database("postgresql://u:p@h/sluice") == "postgresql+asyncpg://u:p@h/prefect"

"""Deploy on real parts: supervisord, Caddy, and servers that behave as their release says."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sluice.errors import DeployFailedError, DeployRefusedError, InfrastructureError
from sluice.stages.deploy import deploy
from sluice.targets import process
from sluice.tools.caddy import Caddy
from sluice.tools.caddy_route import TRY_SECONDS
from tests.deploy_parts import STEPS, City, Load, free_port, get, release, request, wait_for

HIDDEN = "correct-horse-battery-staple"


def test_a_release_takes_over_after_its_smoke_test_and_no_request_fails(city: City) -> None:
    city.release(release("one"))

    with Load(city.url) as load:
        for name in ("two", "three", "four"):
            record = city.release(release(name))
        load.wait_for(200)

    assert load.failed == {}
    assert {body for _, body in load.answers} == {"one", "two", "three", "four"}
    assert city.serving() == "four"
    assert (record.passed, record.changed, record.candidate_address) == (True, True, None)
    assert record.running_digests == (release("four").digest,)
    assert record.previous == release("three")
    assert [step.name for step in record.steps] == STEPS
    assert {step.status for step in record.steps} == {"done"}
    assert city.states() == ["serving"] * 4


def test_a_candidate_is_seen_at_its_own_address_only(city: City) -> None:
    city.release(release("one"))

    record = city.deploy(release("two"))

    assert record.smoke_address != record.address
    assert (get(record.smoke_address), get(record.address)) == ((200, "two"), (200, "one"))
    assert record.running_digests == (release("two").digest,)
    assert [(r.healthy, r.restarts, r.memory_limit_bytes, r.cpu_limit) for r in record.replicas] == [
        (True, 0, 256 << 20, 1.0)
    ] * 2


def test_a_candidate_that_drops_connections_is_told_so_at_once(city: City) -> None:
    city.release(release("one"))
    record = city.deploy(release("two", "drops"))
    started = time.monotonic()

    status, _ = get(record.smoke_address)

    assert (status, get(record.address)) == (502, (200, "one"))
    assert time.monotonic() - started < TRY_SECONDS / 2, "users' requests are tried for longer"


def test_an_open_request_is_not_cut_by_the_switch(city: City) -> None:
    city.release(release("one"))

    with Load(city.url + "/slow", rate=10) as load:
        load.wait_for(3)
        city.release(release("two"))
        load.wait_for(12)

    assert load.failed == {}
    assert {body for _, body in load.answers} == {"one", "two"}


def test_the_same_release_is_verified_and_not_started_again(city: City) -> None:
    first = city.release(release("one"))

    again = city.release(release("one"))

    assert (again.changed, again.candidate_address, again.deployment_id) == (False, None, first.deployment_id)
    assert [replica.pid for replica in again.replicas] == [replica.pid for replica in first.replicas]
    assert city.states() == ["serving"]


def test_another_variable_is_another_start(city: City) -> None:
    city.release(release("one"))

    record = city.release(release("one"), variables={"GREETING": "hi"})

    assert record.changed
    assert "'GREETING': 'hi'" in get(city.url + "/env")[1]
    assert city.serving() == "one"


@pytest.mark.parametrize(
    ("behaviour", "code", "seconds"),
    [("unhealthy", "NEVER_HEALTHY", 4.0), ("exits", "REPLICA_FAILED", 3.0), ("hog", "OUT_OF_MEMORY", 3.0)],
)
def test_a_bad_release_is_gone_and_the_old_one_serves(
    city: City,
    behaviour: str,
    code: str,
    seconds: float,
) -> None:
    city.release(release("one"))
    started = time.monotonic()

    with Load(city.url) as load, pytest.raises(DeployFailedError) as caught:
        city.deploy(release("two", behaviour), start_timeout=2.0, memory=96 << 20)

    assert caught.value.code == code
    assert time.monotonic() - started < seconds
    assert "starting two" in str(caught.value)
    assert ("cannot read the configuration" in str(caught.value)) == (behaviour == "exits")
    assert load.failed == {}
    assert city.serving() == "one"
    assert city.states() == ["serving", "failed"]


def test_a_port_taken_at_the_last_moment_is_given_up_for_another(
    city: City,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lie: another program answers 200 on the port that the replica could not get."""
    city.release(release("one"))
    taken = int(city.target.sets("greeter", "staging")[0].addresses[0].rpartition(":")[2])
    real = process.free_ports
    offers = [(taken,)]
    monkeypatch.setattr(
        process, "free_ports", lambda count, avoid: offers.pop() + real(1, avoid) if offers else real(count, avoid)
    )

    record = city.release(release("two"))

    assert [step.name for step in record.steps][:5] == ["prepare", "start", "health", "start", "health"]
    assert record.steps[2].status == "failed"
    assert city.serving() == "two"


def test_a_taken_environment_port_is_said(city: City) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", city.port))
        other.listen()
        with pytest.raises(InfrastructureError, match="PORT_TAKEN") as caught:
            city.deploy(release("one"))

    assert str(city.port) in str(caught.value)
    assert city.groups() == []


def test_a_killed_replica_fails_no_request_and_comes_back(city: City) -> None:
    record = city.release(release("one"))

    with Load(city.url) as load:
        load.wait_for(20)
        os.kill(record.replicas[0].pid or 0, signal.SIGKILL)
        load.wait_for(150)

    assert load.failed == {}
    (replicas,) = city.target.sets("greeter", "staging")
    wait_for(lambda: all(each.healthy for each in city.target.observe(replicas)), "the replica")
    assert [each.restarts for each in city.target.observe(replicas)] == [1, 0]


def test_secrets_reach_the_service_and_nothing_else(
    city: City,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("OUR_TOKEN", HIDDEN)
    monkeypatch.setenv("SLUICE_DATABASE_URL", "postgresql://ours")
    city.release(release("one"), secrets={"TOKEN": "env:OUR_TOKEN"})

    environment = get(city.url + "/env")[1]
    assert f"'TOKEN': '{HIDDEN}'" in environment
    assert "postgresql://ours" not in environment

    with pytest.raises(DeployFailedError) as caught:
        city.deploy(release("two", "exits"), secrets={"TOKEN": "env:OUR_TOKEN"})
    assert "secret is ***" in str(caught.value)

    seen_by_others = [
        path
        for folder in (tmp_path, city.supervisor.folder)
        for path in folder.rglob("*")
        if path.is_file() and HIDDEN.encode() in path.read_bytes()
    ]
    assert {(path.suffix, path.stat().st_mode & 0o777) for path in seen_by_others if "logs" not in path.parts} == {
        (".environment", 0o600)
    }
    commands = [Path(f"/proc/{info.pid}/cmdline").read_bytes() for info in city.supervisor.processes() if info.pid]
    assert commands
    assert all(HIDDEN.encode() not in command for command in commands)


def test_a_fenced_release_is_refused(city: City) -> None:
    city.release(release("one"))
    with city.journal.lock("greeter", "staging", city.run_id, "fence", 1.0) as lease:
        city.journal.fence(lease, "greeter", "staging", release("two"), "smoke failed: GET / answered 500")

    record = city.deploy(release("two"))

    assert (record.passed, record.changed, record.deployment_id) == (False, False, "")
    assert "D07" in record.reason
    assert "answered 500" in record.reason
    assert city.serving() == "one"
    assert city.states() == ["serving"]


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ({"protected": True}, "NOT_SCANNED"),
        ({"secrets": {"TOKEN": "env:NOT_SET_ANYWHERE"}}, "SECRET_MISSING"),
    ],
)
def test_what_a_rule_forbids_is_refused_before_anything_starts(
    city: City,
    declared: dict[str, object],
    code: str,
) -> None:
    with pytest.raises(DeployRefusedError) as caught:
        city.deploy(release("one"), **declared)

    assert caught.value.code == code
    assert city.groups() == []
    assert city.states() == []


def test_a_project_without_a_service_is_refused(city: City) -> None:
    with city.place() as place, pytest.raises(DeployRefusedError, match="NO_SERVICE"):
        deploy(request(release("one")).model_copy(update={"service": None}), place, city.world)


def test_a_program_that_is_nowhere_is_said_by_name(city: City) -> None:
    asked = request(release("one"))
    assert asked.service is not None
    service = asked.service.model_copy(update={"command": ("no-such-server", "{port}")})

    with city.place() as place, pytest.raises(DeployFailedError, match=r"PROGRAM_MISSING.*no-such-server"):
        deploy(asked.model_copy(update={"service": service}), place, city.world)

    assert city.groups() == []


def test_a_run_that_ends_between_deploy_and_finish_leaves_the_old_release(city: City) -> None:
    city.release(release("one"))

    def stopped() -> None:
        with city.place() as place, city.hold(place):
            deploy(request(release("two")), place, city.world)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()

    assert city.serving() == "one"
    assert city.states() == ["serving", "interrupted"]


def test_a_proxy_that_is_down_is_said_and_nothing_is_left(city: City) -> None:
    down = Caddy(f"http://127.0.0.1:{free_port()}")
    world = replace(city.world, caddy=down)
    with city.place() as place, pytest.raises(InfrastructureError, match="PROXY_DOWN"):
        deploy(request(release("one")), place, world)

    assert city.groups() == []

"""Deploy and rollback on a real engine: the same journal, steps and rules as on processes, with containers."""

from __future__ import annotations

import json
import os
import time
from typing import Any
from uuid import uuid4

import pytest

from sluice.errors import DeployFailedError
from sluice.records.smoke import Copies
from sluice.stages.deploy import repair
from sluice.stages.deploy_drift import look
from sluice.targets.processor import spent
from tests.deploy_parts import STEPS, Load, get
from tests.docker_city import MEMORY, DockerCity

pytestmark = pytest.mark.docker

HIDDEN = "correct-horse-battery-staple"


def inspected(city: DockerCity) -> list[dict[str, Any]]:
    with city.images.engine.client() as client:
        return [client.api.inspect_container(name) for name in city.containers()]


def test_releases_take_over_and_no_request_fails(city: DockerCity) -> None:
    city.release(city.images.release("one"))

    with Load(city.url, rate=40) as load:
        for name in ("two", "one"):
            record = city.release(city.images.release(name))
        load.wait_for(40)

    assert load.failed == {}
    assert {body for _, body in load.answers} == {"one", "two"}
    assert city.serving() == "one"
    assert record.target == "docker"
    assert record.running_digests == (city.images.release("one").digest,)
    assert [step.name for step in record.steps] == STEPS
    assert {step.status for step in record.steps} == {"done"}
    assert [(r.healthy, r.restarts, r.memory_limit_bytes, r.cpu_limit) for r in record.replicas] == [
        (True, 0, MEMORY, 1.0)
    ] * 2
    assert {r.limits_enforced for r in record.replicas} == {("memory:cgroup", "cpu:cgroup", "pids:cgroup")}
    assert {r.release_digest for r in record.replicas} == {city.images.release("one").digest}


def test_the_engine_tells_what_the_replicas_burn(city: DockerCity) -> None:
    record = city.release(city.images.release("one"))
    copies = Copies(names=tuple(each.name for each in record.replicas), docker=city.declaration().docker)
    before = spent(copies)
    assert before is not None
    with Load(city.url, rate=200) as load:
        load.wait_for(200)
    after = spent(copies)
    assert after is not None
    assert after > before > 0
    assert spent(copies.model_copy(update={"names": ("gone",)})) is None


def test_a_container_is_closed_and_says_whose_it_is(city: DockerCity) -> None:
    record = city.release(city.images.release("one"))
    wanted = city.images.release("one")

    for seen in inspected(city):
        host, labels = seen["HostConfig"], seen["Config"]["Labels"]
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]) == (
            True,
            ["ALL"],
            ["no-new-privileges:true"],
        )
        assert (host["Memory"], host["PidsLimit"], list(host["Tmpfs"])) == (MEMORY, 512, ["/tmp"])
        assert [each["HostIp"] for each in host["PortBindings"]["8080/tcp"]] == ["127.0.0.1"]
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert seen["Config"]["Image"] == wanted.reference
        known = {name: labels[f"io.sluice.{name}"] for name in ("project", "environment", "release", "deployment")}
        assert known == {
            "project": "greeter",
            "environment": "staging",
            "release": wanted.digest,
            "deployment": record.deployment_id,
        }
        assert labels["io.sluice.run"]


def test_a_secret_reaches_the_service_and_nobody_who_inspects_it(
    city: DockerCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_TOKEN", HIDDEN)

    record = city.release(city.images.release("two"), secrets={"TOKEN": "env:APP_TOKEN"})

    assert f"'TOKEN': '{HIDDEN}'" in get(city.url + "/env")[1]
    assert HIDDEN not in json.dumps(inspected(city))
    leak = next(each for each in record.conditions if each.code == "D09")
    assert leak.state == "broken", "the server prints its token: D09 has to see that"
    assert "the log of replica 1" in leak.observed
    assert "inspect" not in leak.observed
    assert city.serving() == "two"
    as_files = city.release(
        city.images.release("two"), secrets={"TOKEN": "env:APP_TOKEN"}, docker={"secrets_as": "files"}
    )
    assert as_files.changed
    assert "'TOKEN_FILE': '/run/secrets/TOKEN'" in get(city.url + "/env")[1]
    assert HIDDEN not in get(city.url + "/env")[1]
    city.release(city.images.release("one"))
    assert city.volumes() == []


@pytest.mark.parametrize(
    ("behaviour", "code"), [("unhealthy", "NEVER_HEALTHY"), ("exits", "REPLICA_FAILED"), ("hog", "OUT_OF_MEMORY")]
)
def test_a_bad_image_is_gone_and_the_old_one_serves(city: DockerCity, behaviour: str, code: str) -> None:
    city.release(city.images.release("one"))
    bad = city.images.release("bad", behaviour)

    with pytest.raises(DeployFailedError) as caught:
        city.release(bad, start_timeout=4.0 if behaviour == "unhealthy" else 60.0)

    assert caught.value.code == code
    assert "starting bad" in str(caught.value)
    assert ("listen on 0.0.0.0, port 8080" in str(caught.value)) == (code == "NEVER_HEALTHY")
    assert city.serving() == "one"


def test_an_image_that_is_nowhere_is_refused_by_name(city: DockerCity) -> None:
    serves = city.release(city.images.release("one")).release
    gone = serves.model_copy(update={"digest": "sha256:" + "0" * 64})

    record = city.deploy(gone)

    told, *_ = [each for each in record.conditions if each.code == "D01"]
    assert (record.passed, told.state) == (False, "broken")
    assert told.observed.startswith(f"IMAGE_GONE: the registry has no such image, at {gone.reference}")
    assert city.serving() == "one"


def test_a_rollback_goes_back_to_the_image_before(city: DockerCity) -> None:
    one, two = city.images.release("one"), city.images.release("two")
    city.release(one)
    city.release(two)

    with Load(city.url, rate=40) as load:
        record = city.rollback(to=one.digest)
        load.wait_for(20)

    assert load.failed == {}
    assert (record.passed, record.fenced, record.release) == (True, True, one)
    assert city.serving() == "one"
    city.forget_fences()


def test_a_rollback_to_an_image_that_is_gone_touches_nothing(city: DockerCity) -> None:
    old, two = city.images.release("old"), city.images.release("two")
    city.release(old)
    city.release(two)
    city.images.forget(old)
    assert city.images.registry.ask("DELETE", f"greeter/manifests/{old.digest}").status_code == 202

    with Load(city.url, rate=40) as load:
        record = city.rollback(to=old.digest)
        load.wait_for(10)

    assert load.failed == {}
    assert (record.passed, record.target_present) == (False, False)
    assert record.reason == f"{old.reference} is neither local nor in the registry"
    assert city.serving() == "two"


def test_a_rollback_pulls_an_image_that_is_gone_from_the_engine(city: DockerCity) -> None:
    kept, two = city.images.release("kept"), city.images.release("two")
    city.release(kept)
    city.release(two)
    city.images.forget(kept)

    with Load(city.url, rate=40) as load:
        record = city.rollback(to=kept.digest)
        load.wait_for(10)

    assert load.failed == {}
    assert (record.passed, record.target_present) == (True, True)
    assert record.running_digests == (kept.digest,)
    assert city.serving() == "kept"
    city.forget_fences()


def test_a_container_that_was_replaced_by_hand_is_told_in_every_part(city: DockerCity) -> None:
    """Somebody runs another image under the name and labels of a replica, opened here and there."""
    city.release(city.images.release("one"))
    other = city.images.release("other")
    name = city.containers()[0]
    with city.images.engine.client() as client:
        seen = client.api.inspect_container(name)
        client.api.remove_container(name, force=True)
        host = {**seen["HostConfig"], "Memory": MEMORY * 2, "MemorySwap": MEMORY * 2, "Binds": ["/tmp:/evil"]}
        asked = {**seen["Config"], "Image": other.reference, "Env": [*seen["Config"]["Env"], "MORE=1"]}
        client.api.start(client.api.create_container_from_config({**asked, "HostConfig": host}, name)["Id"])

    found = look(city.world, "greeter", "staging", city.lines.append)

    told = [problem for problem in found.problems if problem.startswith("replica 1: ")]
    assert told[:2] == ["replica 1: variable MORE was added", f"replica 1: Memory {MEMORY * 2} instead of {MEMORY}"]
    assert told[2].startswith("replica 1: it runs image sha256:")
    assert told[3:] == ["replica 1: /evil was mounted into it"]
    repair(city.world, "greeter", "staging", run_id=str(uuid4()), log=city.lines.append)
    assert look(city.world, "greeter", "staging", city.lines.append).problems == ()
    assert city.serving() == "one"


def test_what_somebody_changed_by_hand_is_told(city: DockerCity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_TOKEN", HIDDEN)
    city.release(city.images.release("one"), secrets={"TOKEN": "env:APP_TOKEN"})
    (replicas,) = city.target.sets("greeter", "staging")
    assert city.target.drift(replicas) == ()

    with city.images.engine.client() as client:
        client.api.update_container(city.containers()[0], mem_limit=MEMORY // 2, memswap_limit=MEMORY)

    (told,) = city.target.drift(replicas)
    assert told == f"replica 1: Memory {MEMORY // 2} instead of {MEMORY}"

    repair(city.world, "greeter", "staging", run_id=str(uuid4()), log=city.lines.append)
    (fresh,) = city.target.sets("greeter", "staging")
    assert (fresh.group != replicas.group, city.target.drift(fresh)) == (True, ())


def test_the_state_is_known_from_labels_alone(city: DockerCity) -> None:
    city.release(city.images.release("two"))
    folder = city.home.root / "apps" / "greeter" / "staging"
    engines = (folder / "engines.json").read_text()
    left = {path.name for path in folder.iterdir()} - {"engines.json", "kept", "route", "candidate"}

    assert left == set(), "nothing describes the containers but their labels"
    assert HIDDEN not in engines
    assert os.stat(folder / "engines.json").st_mode & 0o777 == 0o600


def test_a_restarted_engine_brings_the_replicas_back(city: DockerCity) -> None:
    city.release(city.images.release("one"))
    city.images.engine.stop()
    assert get(city.url)[0] != 200

    city.images.engine.start()
    deadline = time.monotonic() + 30
    while get(city.url) != (200, "one"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    city.settle()

    assert city.serving() == "one"

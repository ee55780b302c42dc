"""What the engine is asked for, and what is told when a container is no longer that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sluice.config.docker import DockerConfig
from sluice.config.model import Environment, Service
from sluice.targets.base import Launch, ReplicaSet
from sluice.targets.docker_container import digest_of, drift, plain_variables, secret_files, spec
from sluice.targets.replica import configuration_of
from tests.factories import STARTED, release

WANTED = release(kind="image", repository="127.0.0.1:5000/greeter")
SECRETS = {"TOKEN": 'it\'s "quoted" $HOME'}
IMAGE = {"Id": "sha256:1", "Config": {"Entrypoint": ["/serve"], "Cmd": ["--all"], "Env": ["PATH=/bin"]}}


def launch(**docker: Any) -> Launch:
    declaration = Environment(
        target="docker", memory=1 << 26, cpu=0.5, variables={"GREETING": "hi"}, docker=DockerConfig(**docker)
    )
    return Launch(
        project="greeter",
        environment="staging",
        deployment_id="1",
        release=WANTED,
        service=Service(),
        declaration=declaration,
    )


def replicas(secrets: dict[str, str]) -> ReplicaSet:
    asked = launch()
    return ReplicaSet(
        group="app",
        configuration=configuration_of(asked.service, asked.declaration, secrets),
        ports=(20001,),
        started_at=STARTED,
        private=tuple(secrets),
        **asked.model_dump(exclude={"attempt", "python"}),
    )


def inspected(env: tuple[str, ...] = (), image: str = "sha256:1", mounted: str = "", **changed: Any) -> dict[str, Any]:
    asked = spec(launch(), {}, IMAGE, [], "")
    host = {**asked["HostConfig"], "NetworkMode": "sluice", **changed}
    return {
        "Image": image,
        "Config": {"Env": ["PATH=/bin", *asked["Env"], *env]},
        "HostConfig": host,
        "Mounts": [{"Destination": mounted}] if mounted else [],
        "NetworkSettings": {"Networks": {"sluice": {}}},
    }


def test_a_container_is_asked_for_by_digest_and_closed() -> None:
    asked = spec(launch(), {}, IMAGE, [], "")

    assert asked["Image"] == WANTED.reference
    assert "@sha256:" in asked["Image"]
    host = asked["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (True, ["ALL"], [])
    assert (host["SecurityOpt"], list(host["Tmpfs"])) == (["no-new-privileges:true"], ["/tmp"])
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"], host["PidsLimit"]) == (
        1 << 26,
        1 << 26,
        5 * 10**8,
        512,
    )
    assert not {"Entrypoint", "Cmd", "User"} & asked.keys(), "the image's own count"


def test_each_door_is_opened_by_its_own_key() -> None:
    opened = launch(
        read_only=False,
        writable=("/data",),
        capabilities=("NET_BIND_SERVICE",),
        new_privileges=True,
        user="1000",
        pids=9,
    )

    asked = spec(opened, {}, IMAGE, ["serve"], "")

    host = asked["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (False, ["ALL"], ["NET_BIND_SERVICE"])
    assert (host["SecurityOpt"], list(host["Tmpfs"]), host["PidsLimit"]) == ([], ["/data"], 9)
    assert (asked["User"], asked["Entrypoint"], asked["Cmd"]) == ("1000", ["serve"], [])


@pytest.mark.parametrize("way", ["variables", "files"])
def test_what_can_be_inspected_has_no_secret(way: str) -> None:
    asked = spec(launch(secrets_as=way), SECRETS, IMAGE, [], "volume")

    assert SECRETS["TOKEN"] not in json.dumps(asked, ensure_ascii=False)
    assert json.dumps(SECRETS["TOKEN"])[1:-1] not in json.dumps(asked)
    (mount,) = asked["HostConfig"]["Mounts"]
    assert (mount["Source"], mount["Target"], mount["ReadOnly"]) == ("volume", "/run/secrets", True)


def test_variables_are_set_by_a_script_and_files_are_named() -> None:
    by_script, named = launch(secrets_as="variables"), launch(secrets_as="files")

    files = secret_files(by_script, SECRETS)
    asked = spec(by_script, SECRETS, IMAGE, [], "volume")

    assert files["TOKEN"].decode() == SECRETS["TOKEN"]
    assert files[".variables"].decode() == "export TOKEN='it'\"'\"'s \"quoted\" $HOME'\n"
    assert asked["Entrypoint"] + asked["Cmd"] == [
        "/bin/sh", "-c", '. /run/secrets/.variables && exec "$@"', "sluice", "/serve", "--all",
    ]  # fmt: skip
    assert set(secret_files(named, SECRETS)) == {"TOKEN"}
    assert plain_variables(named, SECRETS)["TOKEN_FILE"] == "/run/secrets/TOKEN"
    assert "TOKEN_FILE" not in plain_variables(by_script, SECRETS)


def test_a_container_as_it_was_asked_for_has_no_drift() -> None:
    assert drift(replicas({}), 1, inspected(CapAdd=None), None, IMAGE) == []
    kept = {name: value.encode() for name, value in SECRETS.items()}
    assert drift(replicas(SECRETS), 1, inspected(mounted="/run/secrets"), kept, IMAGE) == []
    assert drift(replicas({}), 1, inspected(env=("MORE=1",)), None, None) == [], "without its image nobody can tell"


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (None, "its container is gone"),
        (inspected(Memory=1 << 30), f"Memory {1 << 30} instead of {1 << 26}"),
        (inspected(env=("MORE=1",)), "variable MORE was added"),
        (inspected(env=("PATH=/evil",)), "variable PATH is not as declared"),
        (inspected(image="sha256:2"), "it runs image sha256:2 instead of sha256:1"),
        (inspected(mounted="/evil"), "/evil was mounted into it"),
        (inspected(mounted="/run/secrets"), "/run/secrets was mounted into it"),
        (inspected(Privileged=True), "Privileged True instead of False"),
        (inspected(ReadonlyRootfs=False), "ReadonlyRootfs False instead of True"),
        (inspected(CapDrop=None), "CapDrop None instead of ['ALL']"),
        (inspected(env=("GREETING=ho",)), "variable GREETING is not as declared"),
        (
            inspected() | {"NetworkSettings": {"Networks": {"sluice": {}, "other": {}}}},
            "it is in network other too",
        ),
    ],
)
def test_a_container_that_is_another_is_told(seen: dict[str, Any] | None, told: str) -> None:
    assert drift(replicas({}), 1, seen, None, IMAGE) == [f"replica 1: {told}"]


def test_secrets_that_were_changed_are_told_without_their_values() -> None:
    (told,) = drift(replicas(SECRETS), 1, inspected(mounted="/run/secrets"), {"TOKEN": b"another-token"}, IMAGE)

    assert told == "replica 1: its secrets are not those that it was deployed with"


def test_the_digest_of_what_runs_comes_from_the_engine() -> None:
    wanted, other = WANTED, "sha256:" + "9" * 64

    assert digest_of({"Id": "sha256:1", "RepoDigests": [wanted.reference]}, replicas({})) == wanted.digest
    assert digest_of({"Id": "sha256:1", "RepoDigests": [f"{wanted.repository}@{other}"]}, replicas({})) == other
    assert digest_of({"Id": other, "RepoDigests": []}, replicas({})) == other
    assert digest_of(None, replicas({})) == ""

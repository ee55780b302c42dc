"""A container that dies printing its secret in twelve forms, one that serves with it: nothing that is kept has one."""

from __future__ import annotations

import gzip
import json

import pytest

from sluice.errors import DeployFailedError
from sluice.records.build import Release
from tests.docker_city import DockerCity
from tests.planted import FORMS, cells_of, files_of, told_in

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("planted")]
SECRETS = {"TOKEN": "env:PLANTED"}


def kept(city: DockerCity) -> list[str]:
    """The runs' logs, artifacts, what is kept of replicas, and every cell of every row."""
    found = [*(path.read_text(errors="replace") for path in files_of(city)), *cells_of(city)]
    assert len(found) > 30, "files and tables are looked at"
    return found


def shown(city: DockerCity, release: Release) -> list[str]:
    """What an engine's user and a registry's see: containers, networks, volumes, history, image, its own layers."""
    with city.images.engine.client() as client:
        containers = [client.api.inspect_container(name) for name in city.containers()]
        others = [client.api.inspect_image(release.reference), client.api.history(release.reference)]
        others += [client.api.volumes(), client.api.networks()]
    assert containers
    layers = city.images.registry.manifest("greeter", release.digest)["layers"][1:]
    blobs = [city.images.registry.ask("GET", f"greeter/blobs/{each['digest']}").content for each in layers]
    assert blobs
    texts = [json.dumps(each, ensure_ascii=False) for each in (*containers, *others)]
    return texts + [gzip.decompress(each).decode("utf-8", "replace") for each in blobs]


def test_no_form_of_a_secret_is_in_errors_logs_artifacts_or_rows(city: DockerCity) -> None:
    with pytest.raises(DeployFailedError, match="REPLICA_FAILED") as caught:
        city.release(city.images.release("bad", "leaks"), replicas=1, secrets=SECRETS)

    (own,) = (city.home.service_logs / "apps").rglob("1.log")
    printed = own.read_text()
    assert [form for form in FORMS if form not in printed] == [], "the service prints each of them, into its own log"
    assert caught.value.next_step.count("***") >= len(FORMS)
    told = [str(caught.value), caught.value.next_step, *kept(city)]
    assert any("REPLICA_FAILED" in each for each in told)
    assert told_in(told) == []


@pytest.mark.parametrize("how", ["variables", "files"])
def test_no_form_of_a_secret_is_in_what_the_engine_and_the_registry_show(city: DockerCity, how: str) -> None:
    release = city.images.release("one")
    record = city.release(release, replicas=1, secrets=SECRETS, docker={"secrets_as": how})

    assert record.replicas[0].healthy
    assert told_in([record.model_dump_json(), *kept(city), *shown(city, release)]) == []

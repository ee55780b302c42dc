"""The parts that this tier stands on are real: an engine that runs containers, a registry that keeps images."""

from __future__ import annotations

import time

import docker
import httpx
import pytest

from sluice.services.doctor import doctor
from sluice.settings import Settings
from tests.docker_parts import PASSWORD, USER, Engine, Registry

SERVE = "mkdir -p /tmp/www && echo hello > /tmp/www/index.html && exec httpd -f -p 8000 -h /tmp/www"
PYTHON_SERVES = "import http.server as h; h.ThreadingHTTPServer(('', 8000), h.SimpleHTTPRequestHandler).serve_forever()"


def answer(url: str) -> httpx.Response:
    deadline = time.monotonic() + 30
    while True:
        try:
            return httpx.get(url, trust_env=False, timeout=5)
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("kind", ["busybox", "python"])
def test_a_container_answers_on_a_port_that_the_engine_chose(
    client: docker.DockerClient, busybox: str, python_image: str, kind: str
) -> None:
    image, words = {
        "busybox": (busybox, ["sh", "-c", SERVE]),
        "python": (python_image, ["python3", "-c", PYTHON_SERVES]),
    }[kind]
    container = client.containers.run(
        image, words, detach=True, user="65534:65534", init=True, ports={"8000/tcp": ("127.0.0.1", None)}
    )
    try:
        container.reload()
        (bound,) = container.attrs["NetworkSettings"]["Ports"]["8000/tcp"]
        assert bound["HostIp"] == "127.0.0.1"
        assert answer(f"http://127.0.0.1:{bound['HostPort']}/").status_code == 200
    finally:
        container.remove(force=True)


def test_a_registry_keeps_what_is_pushed_and_asks_who_pushes(
    client: docker.DockerClient, busybox: str, registry: Registry, private_registry: Registry
) -> None:
    for place in (registry, private_registry):
        image = client.images.get(busybox)
        image.tag(f"{place.host}/base", "1")
        login = {"username": USER, "password": PASSWORD} if place.login else None
        pushed = list(client.api.push(f"{place.host}/base", "1", stream=True, decode=True, auth_config=login))
        (told,) = [each["aux"] for each in pushed if "aux" in each]
        assert place.digest("base", "1") == told["Digest"]
        assert place.manifest("base", "1")["config"]["digest"] == image.id
        assert place.tags("base") == ["1"]
    wrong = {"username": USER, "password": "wrong"}
    refused = client.api.push(f"{private_registry.host}/base", "1", stream=True, decode=True, auth_config=wrong)
    assert "unauthorized" in str([each["error"] for each in refused if "error" in each])


def test_the_doctor_names_the_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    (found,) = [each for each in doctor(Settings()) if each.name == "Docker engine"]
    assert (found.level, found.detail) == ("good", f"{engine.version} at {engine.url}")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    (found,) = [each for each in doctor(Settings()) if each.name == "Docker engine"]
    assert (found.level, found.detail) == ("note", "does not answer at unix:///nowhere/docker.sock")
    assert "images cannot be built" in found.cost

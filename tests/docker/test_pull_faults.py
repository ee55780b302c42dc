"""A registry that refuses, breaks or hangs while a deploy pulls: retries by class, named errors, and the old serves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from sluice.errors import Exit, SluiceError
from sluice.records.build import Release
from sluice.tools.docker import pull
from tests.deploy_parts import Load
from tests.docker_city import DockerCity
from tests.docker_parts import Registry
from tests.registry_front import Answer, running_front

pytestmark = pytest.mark.docker

JSON, HTML = {"Content-Type": "application/json"}, {"Content-Type": "text/html"}
PAGE = b"<html><body>nothing for you</body></html>"
FIVE = 1 + len(pull.PAUSES)


def told(status: int, code: str) -> Answer:
    """What a registry answers itself."""
    body = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
    return Answer(status, {**JSON, "Retry-After": "1"}, body)


def page(status: int) -> Answer:
    """What a proxy before it answers."""
    return Answer(status, HTML, PAGE)


def manifest_of(release: Release) -> Callable[[str, str], bool]:
    """Tell what asks for the image itself; what lies beside it has been read before."""
    return lambda _method, path: path.endswith(f"/manifests/{release.digest}")


@pytest.fixture
def served(city: DockerCity, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerCity]:
    """An environment that serves `one` from the first moment of a test to its last."""
    monkeypatch.setattr(pull, "PAUSES", tuple(pause / 50 for pause in pull.PAUSES))
    city.release(city.images.release("one"))
    with Load(city.url, rate=20) as load:
        yield city
        load.wait_for(3)
    assert load.failed == {}
    assert {body for _, body in load.answers} == {"one"}
    assert city.serving() == "one"
    assert "started" not in {status for _, status in city.steps()}


def through(host: str, city: DockerCity) -> Release:
    """Return release `two` as it is reached through a front; the engine has its layers, and not under this name."""
    found = city.images.release("two").model_copy(update={"repository": f"{host}/greeter"})
    city.images.sign(found)
    return found


@pytest.mark.parametrize(
    ("answer", "asked", "code", "exit_code"),
    [
        (told(401, "UNAUTHORIZED"), 1, "PULL_REFUSED", Exit.DEPLOY_FAILED),
        (page(401), 1, "PULL_REFUSED", Exit.DEPLOY_FAILED),
        (told(403, "DENIED"), 1, "PULL_REFUSED", Exit.DEPLOY_FAILED),
        (page(403), 1, "PULL_REFUSED", Exit.DEPLOY_FAILED),
        (told(404, "MANIFEST_UNKNOWN"), 1, "IMAGE_GONE", Exit.DEPLOY_FAILED),
        (page(404), 1, "IMAGE_GONE", Exit.DEPLOY_FAILED),
        (told(429, "TOOMANYREQUESTS"), FIVE, "REGISTRY_DOWN", Exit.INFRASTRUCTURE),
        (page(500), FIVE, "REGISTRY_DOWN", Exit.INFRASTRUCTURE),
        (page(502), FIVE, "REGISTRY_DOWN", Exit.INFRASTRUCTURE),
        (page(503), FIVE, "REGISTRY_DOWN", Exit.INFRASTRUCTURE),
        (Answer(cut=True), FIVE, "REGISTRY_DOWN", Exit.INFRASTRUCTURE),
    ],
    ids=["401", "401 page", "403", "403 page", "404", "404 page", "429", "500", "502", "503", "cut"],
)
def test_a_pull_is_retried_by_the_class_of_its_failure(
    served: DockerCity, registry: Registry, answer: Answer, asked: int, code: str, exit_code: Exit
) -> None:
    with running_front(registry, manifest_of(served.images.release("two")), [answer] * 20) as front:
        wanted = through(front.host, served)
        with pytest.raises(SluiceError) as caught:
            served.release(wanted)
        assert (caught.value.code, caught.value.exit_code) == (code, exit_code)
        assert wanted.reference in str(caught.value)
        assert front.asked == asked


def test_a_registry_that_comes_back_is_pulled_from(city: DockerCity, registry: Registry) -> None:
    city.release(city.images.release("one"))
    answers = [page(503), told(429, "TOOMANYREQUESTS"), Answer(cut=True)]
    with running_front(registry, manifest_of(city.images.release("two")), answers) as front:
        record = city.release(through(front.host, city))
        assert front.asked == FIVE - 1
    assert record.running_digests == (city.images.release("two").digest,)
    assert city.serving() == "two"


def test_a_silent_registry_is_waited_for_no_longer_than_the_limit(
    served: DockerCity, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "SILENCE_SECONDS", 2.0)
    monkeypatch.setattr(pull, "LIMIT_SECONDS", 1.0)
    with running_front(registry, manifest_of(served.images.release("two")), [Answer(hangs=True)] * 20) as front:
        began = time.monotonic()
        with pytest.raises(SluiceError) as caught:
            served.release(through(front.host, served))
        assert caught.value.code == "REGISTRY_DOWN", "the engine itself answers"
        assert "nothing was heard for 2 s" in str(caught.value)
        assert time.monotonic() - began < 60


def test_a_rollback_tells_a_registry_that_does_not_answer_from_an_image_that_is_gone(
    city: DockerCity, registry: Registry
) -> None:
    with running_front(registry, lambda _method, _path: False, []) as front:
        unheard = through(front.host, city)
        city.release(unheard)
    city.release(city.images.release("one"))
    with city.images.engine.client() as client:
        client.images.remove(unheard.reference, force=True)

    record = city.rollback(to=unheard.digest)

    assert (record.passed, record.target_present) == (False, False)
    assert record.reason.startswith(f"{unheard.reference} is not local, and the registry does not answer: ")
    assert city.serving() == "one"

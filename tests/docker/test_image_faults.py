"""What goes wrong on the way of an image into its registry: retries by class, tags that never move, secrets, lies."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import pytest

from sluice.errors import Exit, SluiceError
from sluice.records.build import BuildRecord
from sluice.records.checks import BoundaryReport
from sluice.tools.docker.registry import Registry as Client
from sluice.tools.docker.registry import digest_of
from tests.boundaries import check
from tests.docker_parts import BUSYBOX, PASSWORD, USER, Registry
from tests.image_parts import FILES, Yard
from tests.registry_front import Answer, running_front

BROKEN = [0.5, 1.0, 2.0, 4.0]  # seconds between five attempts


@pytest.mark.parametrize(
    ("answers", "asked", "pauses", "code"),
    [
        ([Answer(503), Answer(500)], 3, BROKEN[:2], ""),
        ([Answer(502), Answer(hangs=True), Answer(cut=True)], 4, BROKEN[:3], ""),
        ([Answer(429, {"Retry-After": "7"})], 2, [7.0], ""),
        ([Answer(503)] * 9, 5, BROKEN, "REGISTRY_BROKEN"),
        ([Answer(hangs=True)] * 9, 5, BROKEN, "REGISTRY_BROKEN"),
        ([Answer(cut=True)] * 9, 5, BROKEN, "REGISTRY_BROKEN"),
        ([Answer(401)], 1, [], "REGISTRY_REFUSED"),
        ([Answer(403)], 1, [], "REGISTRY_REFUSED"),
        ([Answer(400)], 1, [], "REGISTRY_BROKEN"),
        ([Answer(404)], 1, [], "REGISTRY_BROKEN"),
    ],
    ids=[
        "broken twice",
        "a bad gateway, silence, half an answer",
        "asked to wait",
        "broken for good",
        "silent for good",
        "cut for good",
        "unauthorised",
        "forbidden",
        "wrong",
        "unknown",
    ],
)
def test_a_push_is_retried_by_the_class_of_its_failure(
    registry: Registry, answers: list[Answer], asked: int, pauses: list[float], code: str
) -> None:
    waited: list[float] = []
    content = b"a blob of this test"
    repository = f"retried-{uuid4().hex[:12]}"
    with running_front(registry, lambda method, _: method == "POST", list(answers)) as front:
        with Client(f"{front.host}/{repository}", timeout=1.0, pause=waited.append) as client:
            digest = digest_of(content)
            if code:
                with pytest.raises(SluiceError) as caught:
                    client.put_blob(digest, content)
                assert (caught.value.code, caught.value.exit_code) == (code, Exit.INFRASTRUCTURE)
                assert not caught.value.transient
                assert front.host in str(caught.value)
            else:
                client.put_blob(digest, content)
                assert client.blob(digest) == content
        assert front.asked == asked
    assert [round(each / pause, 1) for each, pause in zip(waited, pauses, strict=True)] == pytest.approx(
        [1.0] * len(pauses), abs=0.21
    )


def test_no_tag_moves_when_a_layer_does_not_arrive(yard: Yard, registry: Registry) -> None:
    request = yard.request(yard.commit())
    with running_front(registry, lambda method, _: method == "PUT", [Answer(403)]) as front:
        image = request.config.image
        assert image is not None
        moved = image.model_copy(update={"repository": f"{front.host}/{yard.name}"})
        config = request.config.model_copy(update={"image": moved})
        with pytest.raises(
            SluiceError, match=f"REGISTRY_REFUSED: the registry refused nobody .*{front.host}, repository"
        ):
            yard.build(request.model_copy(update={"config": config}))
    assert registry.tags(yard.name) == []
    assert yard.build(request).read_back_digest == registry.digest(yard.name, "latest")


def test_a_login_opens_a_private_registry_and_a_wrong_one_is_named(
    yard: Yard, private_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = Yard(yard.tmp, private_registry, yard.name)
    source = yard.commit()
    login = {"username": USER, "password": "env:THE_PASSWORD"}
    monkeypatch.setenv("THE_PASSWORD", "not-" + PASSWORD)
    with pytest.raises(SluiceError, match=f"REGISTRY_REFUSED: the registry refused account {USER}") as caught:
        private.build(private.request(source, login=login))
    assert PASSWORD not in str(caught.value)
    monkeypatch.setenv("THE_PASSWORD", PASSWORD)
    record = private.build(private.request(source, login=login))
    assert private_registry.digest(yard.name, "latest") == record.release.digest
    assert PASSWORD not in record.model_dump_json()
    assert PASSWORD not in private.log


def told_to_processes(secret: bytes, done: threading.Event) -> list[str]:
    """Read the words and variables of all processes again and again; return those that hold the secret."""
    found: set[str] = set()
    while not done.wait(0.02):
        for path in (*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")):
            with suppress(OSError):
                if secret in path.read_bytes():
                    found.add(f"{path}: {(path.parent / 'comm').read_text().strip()}")
    return sorted(found)


def test_the_password_is_in_no_command_line_no_environment_and_no_history(
    yard: Yard, private_registry: Registry, client: docker.DockerClient, tmp_path: Path
) -> None:
    private = Yard(yard.tmp, private_registry, yard.name)
    (tmp_path / "password").write_text(PASSWORD)
    login = {"username": USER, "password": f"file:{tmp_path}/password"}
    files = FILES | {"Dockerfile": FILES["Dockerfile"] + f"RUN sleep 0.2 # {yard.name}\n"}
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(told_to_processes, PASSWORD.encode(), done)
        try:
            record = private.build(private.request(private.commit(files), login=login))
        finally:
            done.set()
        assert watching.result() == []
    image = client.images.get(f"{private.repository}:{record.image.tags[0] if record.image else ''}")
    assert PASSWORD not in str(image.history()) + str(image.attrs)


def judged(record: BuildRecord, **facts: Any) -> BoundaryReport:
    """Hold a record against the contract, told the truth about what was asked for."""
    known = {"now": record.ended_at, "commit": record.release.commit, "tree": record.tested_tree}
    return check(record, **known | facts)


def stops(report: BoundaryReport) -> list[str]:
    return [each.code for each in report.stops]


def test_an_honest_image_passes_its_boundary(yard: Yard) -> None:
    record = yard.make()
    assert stops(judged(record)) == []
    again = yard.build(yard.request(yard.commit()))
    assert again.image is not None
    assert again.image.cached
    assert stops(judged(again)) == []


def test_b01_b04_another_image_under_the_tag_while_it_is_pushed(yard: Yard, registry: Registry) -> None:
    """Somebody moves the tag between our push and our reading back."""
    other = yard.make(FILES | {"app.sh": "echo other\n"})
    request = yard.request(yard.commit())
    found = registry.ask("GET", f"{yard.name}/manifests/{other.release.digest}")

    class Mover(Client):
        def put_manifest(self, reference: str, content: bytes, media_type: str) -> str:
            told = super().put_manifest(reference, content, media_type)
            registry.ask(
                "PUT",
                f"{yard.name}/manifests/{reference}",
                content=found.content,
                headers={"Content-Type": found.headers["Content-Type"]},
            )
            return told

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sluice.stages.build_image.Registry", Mover)
        record = yard.build(request)
    report = judged(record)
    assert stops(report) == ["B01", "B04"]
    first = report.stops[0]
    assert record.release.digest in first.expected
    assert other.release.digest in first.observed


def test_b02_a_version_tag_never_moves(yard: Yard, registry: Registry) -> None:
    def release(files: dict[str, str]) -> BuildRecord:
        source = yard.commit(files)
        request = yard.request(source).model_copy(
            update={"tags": (f"tag-{source.commit[:12]}",), "version_tags": ("v1.0.0",)}
        )
        return yard.build(request)

    first = release(FILES)
    assert registry.digest(yard.name, "v1.0.0") == first.release.digest
    assert first.release.version == "1.0.0"
    assert stops(judged(first, tag="v1.0.0", tag_digests=())) == []
    second = release(FILES | {"app.sh": "echo second\n"})
    assert registry.digest(yard.name, "v1.0.0") == first.release.digest
    report = judged(second, tag="v1.0.0", tag_digests=())
    assert stops(report) == ["B02"]
    assert first.release.digest in report.stops[0].observed


def test_b03_a_platform_that_the_registry_does_not_have(yard: Yard) -> None:
    record = yard.make()
    report = judged(record, platforms=("linux/amd64", "linux/arm64"))
    assert stops(report) == ["B03"]
    assert "linux/arm64: not in the release" in report.stops[0].observed


def test_b06_an_image_that_this_build_did_not_make(yard: Yard) -> None:
    record = yard.make(FILES | {"app.sh": f"echo {yard.name}\n"})  # built now: nobody had this step
    assert record.image is not None
    assert not record.image.cached
    old = record.model_copy(update={"started_at": record.ended_at, "created_at": record.started_at.replace(year=2020)})
    assert stops(judged(old)) == ["B06"]


KEY = "AKIA" + "Q3EGRZWBLX6PTN2D"


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({".env": "A=1\n"}, "context .env: a file of environment variables"),
        ({"app.sh": f"echo {KEY}\n"}, "layer 3 app.sh: an AWS access key"),
        (
            {"Dockerfile": f"FROM {BUSYBOX}\nRUN printf AKIA > /key && printf Q3EGRZWBLX6PTN2D >> /key\n"},
            "layer 2 key: an AWS access key",
        ),
        ({"Dockerfile": f"FROM {BUSYBOX}\nENV NOTE={KEY}\n"}, "history: an AWS access key"),
        ({"Dockerfile": f"FROM {BUSYBOX}\nLABEL note={KEY}\n"}, "label: an AWS access key"),
        (
            {"Dockerfile": f"FROM {BUSYBOX}\nRUN mkdir /x && touch /x/id_rsa && rm /x/id_rsa\nRUN touch /x/.netrc\n"},
            "layer",
        ),
    ],
    ids=["context", "copied", "made in the build", "environment", "label", "left in a layer"],
)
def test_b07_a_secret_in_context_layers_history_or_configuration(yard: Yard, files: dict[str, str], where: str) -> None:
    record = yard.make(FILES | files)
    assert any(each.startswith(where) for each in record.secrets), record.secrets
    assert KEY not in record.model_dump_json(exclude={"inputs", "image"})
    report = judged(record)
    assert stops(report) == ["B07"]


def test_b08_a_base_that_a_tag_names(yard: Yard, registry: Registry, client: docker.DockerClient) -> None:
    assert [each.name for each in judged(yard.make()).warnings] == ["BASE_NOT_PINNED"]
    client.images.get(BUSYBOX).tag(f"{registry.host}/base", "1")
    for told in client.api.push(f"{registry.host}/base", "1", stream=True, decode=True):
        assert "error" not in told, told
    pinned = f"{registry.host}/base@{registry.digest('base', '1')}"
    record = yard.make(FILES | {"Dockerfile": f"FROM {pinned}\nCOPY app.sh /app.sh\n"})
    assert (record.base, record.base_named_by) == (pinned, "the Dockerfile")
    assert judged(record).warnings == ()
    assert [each.name for each in judged(record, previous_base="other@sha256:1").warnings] == ["BASE_CHANGED"]


def test_b09_another_tree_than_was_tested(yard: Yard) -> None:
    record = yard.make()
    assert stops(judged(record, tree="e" * 40)) == ["B09"]


@pytest.mark.parametrize("builder", ["buildkit", "classic"])
def test_a_step_that_fails_is_shown_with_its_last_lines(yard: Yard, builder: str) -> None:
    text = f"FROM {BUSYBOX}\nRUN echo the reason && exit 3\n"
    with pytest.raises(SluiceError) as caught:
        yard.make({"Dockerfile": text}, builder=builder)
    assert caught.value.code == "BUILD_FAILED"
    assert "the reason" in caught.value.next_step
    assert "the reason" in yard.log


def test_the_classic_builder_makes_the_same_record(yard: Yard) -> None:
    record = yard.make(builder="classic")
    assert record.image is not None
    assert record.image.builder == "classic"
    assert record.image.steps[0].cached
    assert stops(judged(record)) == []
    again = yard.build(yard.request(yard.commit(), builder="classic"))
    assert again.image is not None
    told = {step.name.partition("] ")[2]: step.cached for step in again.image.steps}
    assert told["COPY app.sh /app.sh"]


def test_arguments_target_context_and_dockerfile(yard: Yard, client: docker.DockerClient) -> None:
    files = {
        "deploy/Dockerfile": f"FROM {BUSYBOX} AS one\nARG WORD\nCOPY . /in\nRUN echo $WORD > /word\n"
        'CMD ["sh", "-c", "cat /word; ls /in"]\nFROM one AS two\nRUN false\n',
        "app/a.txt": "",
        "app/b.log": "",
        "app/.dockerignore": "*.log\n.dockerignore\n",
    }
    image = {"dockerfile": "deploy/Dockerfile", "context": "app", "target": "one", "args": {"WORD": "told"}}
    record = yard.make(files, **image)
    pulled = client.images.pull(yard.repository, tag=record.release.digest)
    assert client.containers.run(pulled, remove=True).decode().split() == ["told", "a.txt"]


def test_a_base_that_is_not_there_is_named_by_its_line(yard: Yard, registry: Registry) -> None:
    with pytest.raises(SluiceError, match="DOCKERFILE_BASE: line 2: base image for linux/amd64 is not there"):
        yard.make({"Dockerfile": f"ARG A=1\nFROM {registry.host}/nothing:$A\n"})


def test_no_engine_is_the_worlds_fault(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(SluiceError, match="ENGINE_DOWN: the Docker engine does not answer") as caught:
        yard.make()
    assert caught.value.transient

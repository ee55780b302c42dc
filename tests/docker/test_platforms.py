"""One image for several machines, as one index; what a machine cannot run is said by name."""

from __future__ import annotations

import io
import tarfile

import pytest

from sluice.errors import SluiceError
from tests.arm64_program import emulated, program
from tests.boundaries import check
from tests.docker_parts import Registry
from tests.image_parts import Yard

BOTH = ("linux/amd64", "linux/arm64")
COPIED = {"Dockerfile": 'FROM scratch\nARG TARGETARCH\nCOPY app-$TARGETARCH /app\nCMD ["/app"]\n'}
COPIED |= {"app-amd64": "for amd64\n", "app-arm64": "for arm64\n"}


def test_two_platforms_are_one_index(yard: Yard, registry: Registry) -> None:
    request = yard.request(yard.commit(COPIED), {"platforms": BOTH})
    record = yard.build(request)
    assert record.image is not None
    assert tuple(each.platform for each in record.image.platforms) == BOTH
    index = registry.manifest(yard.name, "latest")
    assert [f"linux/{each['platform']['architecture']}" for each in index["manifests"]] == list(BOTH)
    assert registry.digest(yard.name, "latest") == record.release.digest == record.read_back_digest
    first, second = (layer.digest for layer in record.image.layers)
    assert first != second
    known = {"now": record.ended_at, "commit": record.release.commit, "tree": record.tested_tree}
    assert check(record, platforms=BOTH, **known).stops == ()
    (stop,) = check(record, platforms=(*BOTH, "linux/riscv64"), **known).stops
    assert (stop.code, "linux/riscv64: not in the release" in stop.observed) == ("B03", True)


def test_a_step_for_another_machine_runs_under_its_emulator(yard: Yard, registry: Registry) -> None:
    said = f"on arm64: {yard.name}\n"
    text = 'FROM scratch\nCOPY --chmod=755 app /app\nRUN ["/app"]\n'
    source = yard.commit({"Dockerfile": text, "app": program("/made", said)})
    with emulated():
        record = yard.build(yard.request(source, {"platforms": ("linux/arm64",)}))
    assert record.image is not None
    assert [each.platform for each in record.image.platforms] == ["linux/arm64"]
    layer = registry.manifest(yard.name, "latest")["layers"][-1]["digest"]
    with tarfile.open(fileobj=io.BytesIO(registry.ask("GET", f"{yard.name}/blobs/{layer}").content)) as tar:
        made = tar.extractfile("made")
        assert made is not None
        assert made.read().decode() == said


def test_a_step_that_this_machine_cannot_run_says_what_is_missing(yard: Yard) -> None:
    """The kernel refuses another machine's program as it refuses a text that is none."""
    files = {"Dockerfile": "FROM scratch\nCOPY --chmod=755 sh /bin/sh\nRUN true\n", "sh": "no program\n"}
    with pytest.raises(
        SluiceError, match="EMULATOR_MISSING: this machine cannot run programs of linux/arm64"
    ) as caught:
        yard.build(yard.request(yard.commit(files), {"platforms": ("linux/arm64",)}))
    assert "qemu-user-static" in caught.value.next_step

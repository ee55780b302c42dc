"""What builders tell becomes steps: BuildKit's protocol buffers, and the classic builder's lines."""

from __future__ import annotations

import pytest

from sluice.records.image import BuildStep
from sluice.tools.docker.builder import classic_steps, failure
from sluice.tools.docker.trace import Trace, read


def varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def part(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def moment(seconds: int, nanos: int = 0) -> bytes:
    return part(1, seconds) + part(2, nanos)


def test_steps_have_their_times_and_whether_they_were_cached() -> None:
    lines: list[str] = []
    trace = Trace(lines.append)
    name = part(1, b"sha256:a") + part(3, b"[2/3] RUN make")
    trace.take(part(1, name + part(5, moment(100, 500_000_000))))
    trace.take(part(3, part(1, b"sha256:a") + part(4, b"one\ntw")))
    trace.take(part(3, part(1, b"sha256:a") + part(4, b"o\nthree")))
    trace.take(part(1, name + part(5, moment(100, 500_000_000)) + part(6, moment(103))))
    trace.take(part(1, part(1, b"sha256:b") + part(3, b"[3/3] COPY a /a") + part(4, 1) + part(5, moment(104))))
    trace.take(part(1, part(1, b"sha256:c") + part(3, b"[1/3] FROM docker.io/x") + part(5, moment(99))))
    trace.take(part(1, part(1, b"sha256:d") + part(3, b"[internal] load remote build context")))
    trace.take(part(1, part(1, b"sha256:e") + part(3, b"copy /context /")))
    trace.flush()
    assert trace.steps() == (
        BuildStep(name="[2/3] RUN make", cached=False, seconds=2.5),
        BuildStep(name="[3/3] COPY a /a", cached=True, seconds=0),
        BuildStep(name="[1/3] FROM docker.io/x", cached=True, seconds=0),
    )
    assert [line for line in lines if line in ("one", "two", "three")] == ["one", "two", "three"]


@pytest.mark.parametrize("data", [b"\x0a\x05ab", b"\x80", b"\x0b"])
def test_what_is_no_message_is_no_message(data: bytes) -> None:
    with pytest.raises(ValueError, match="protocol buffer"):
        read(data)


def test_the_classic_builder_says_what_it_had() -> None:
    lines = ["Step 1/3 : FROM a", " ---> 12", "Step 2/3 : RUN b", " ---> Using cache", " ---> 34", "Step 3/3 : RUN c"]
    assert classic_steps(lines) == (
        BuildStep(name="[1/3] FROM a", cached=True, seconds=0),
        BuildStep(name="[2/3] RUN b", cached=True, seconds=0),
        BuildStep(name="[3/3] RUN c", cached=False, seconds=0),
    )


@pytest.mark.parametrize(
    ("message", "code", "transient"),
    [
        ("executor failed running [/bin/sh -c exit 3]: exit code: 3", "BUILD_FAILED", False),
        ("standard_init_linux.go:228: exec user process caused: exec format error", "EMULATOR_MISSING", False),
        ("failed to copy files: write /var/lib/docker/x: no space left on device", "ENGINE_DISK_FULL", False),
        ("failed to do request: dial tcp: lookup x: no such host", "BASE_UNREACHABLE", True),
    ],
)
def test_a_failure_is_the_users_or_the_worlds(message: str, code: str, transient: bool) -> None:
    error = failure(message, "linux/arm64", ["the last line"])
    assert (error.code, error.transient) == (code, transient)

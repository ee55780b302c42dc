"""One build of one platform by the engine: BuildKit over HTTP where the engine has it, else the classic builder."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from docker import DockerClient

from sluice.command import LineSink
from sluice.config.docker import usual_engine
from sluice.errors import BuildFailedError, TransientError
from sluice.records.image import BuildStep
from sluice.tools.docker.context import Context
from sluice.tools.docker.engine import FULL, EngineFullError, full
from sluice.tools.docker.session import handing_out
from sluice.tools.docker.trace import Trace

TRACE, IMAGE_ID = "moby.buildkit.trace", "moby.image.id"
BUILDKIT_SINCE = (1, 39)  # version of the API
TAIL = 12  # lines of output that an error shows
_WORLD = re.compile(
    r"no such host|i/o timeout|TLS handshake timeout|connection (?:refused|reset)|server misbehaving|"
    r"unexpected EOF|status: 5\d\d|Temporary failure in name resolution|toomanyrequests",
    re.IGNORECASE,
)
_QEMU = re.compile(r"exec format error|exec user process caused", re.IGNORECASE)


@dataclass(frozen=True)
class Order:
    """What the engine is asked to build."""

    context: Context
    platform: str
    tag: str
    target: str | None
    args: Mapping[str, str]
    labels: Mapping[str, str]
    fresh: bool = False
    silence: float = 3600.0  # seconds between two lines of the engine
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # for BuildKit alone


@dataclass(frozen=True)
class Built:
    """An image in the engine."""

    image_id: str
    steps: tuple[BuildStep, ...]
    builder: str


def has_buildkit(client: DockerClient) -> bool:
    """Tell whether the engine builds with BuildKit."""
    numbers = tuple(int(part) for part in str(client.api.api_version).split("."))
    return numbers >= BUILDKIT_SINCE and client.version().get("Os", "linux") == "linux"


def build(client: DockerClient, order: Order, log: LineSink, *, buildkit: bool) -> Built:
    """Build, and return the image.

    Raises:
        BuildFailedError: a step failed; its last lines are in the error.
        TransientError: a base image could not be pulled for want of a network.
    """
    tail: list[str] = []

    def line(text: str) -> None:
        log(text)
        tail.append(text)
        del tail[:-TAIL]

    if not buildkit:
        return _classic(client, order, line, tail)
    if not order.secrets:
        return _with_buildkit(client, order, line, tail, {})
    with handing_out(client, order.secrets, log) as session:
        return _with_buildkit(client, order, line, tail, {"session": session})


def _with_buildkit(
    client: DockerClient, order: Order, log: LineSink, tail: list[str], more: Mapping[str, str]
) -> Built:
    trace = Trace(log)
    image_id = ""
    for told in _answers(client, order, {"version": "2", **more}):
        if told.get("id") == TRACE:
            trace.take(base64.b64decode(told["aux"]))
        elif told.get("id") == IMAGE_ID:
            image_id = told["aux"]["ID"]
        elif "error" in told:
            trace.flush()
            raise failure(str(told["error"]), order.platform, tail)
    trace.flush()
    return Built(_known(image_id), trace.steps(), "buildkit")


def _classic(client: DockerClient, order: Order, log: LineSink, tail: list[str]) -> Built:
    image_id, text = "", ""
    lines: list[str] = []
    for told in _answers(client, order, {"rm": "1", "forcerm": "1"}):
        if "error" in told:
            raise failure(str(told["error"]), order.platform, tail)
        image_id = (told.get("aux") or {}).get("ID", image_id)
        text += str(told.get("stream", ""))
        *whole, text = text.split("\n")
        for each in filter(None, whole):
            log(each)
            lines.append(each)
    return Built(_known(image_id), classic_steps(lines), "classic")


def classic_steps(lines: list[str]) -> tuple[BuildStep, ...]:
    """Return the steps that the classic builder printed; it tells no times. FROM has nothing to build."""
    steps: list[BuildStep] = []
    for line in lines:
        match = re.match(r"Step (\d+/\d+) : (.*)", line)
        if match:
            steps.append(BuildStep(name=f"[{match[1]}] {match[2]}", cached=match[2].startswith("FROM"), seconds=0.0))
        elif line.strip() == "---> Using cache" and steps:
            steps[-1] = steps[-1].model_copy(update={"cached": True})
    return tuple(steps)


def _parameters(order: Order) -> dict[str, str]:
    return {
        "t": order.tag,
        "dockerfile": order.context.dockerfile,
        "platform": order.platform,
        "buildargs": json.dumps(dict(order.args)),
        "labels": json.dumps(dict(order.labels)),
        **({"target": order.target} if order.target else {}),
        **({"nocache": "1"} if order.fresh else {}),
    }


def _answers(client: DockerClient, order: Order, more: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Send the context and yield what the engine tells while it builds."""
    api = client.api
    headers = {"Content-Type": "application/x-tar"}
    words = {**_parameters(order), **more}
    with order.context.path.open("rb") as body:
        answer = api._post(
            api._url("/build"), params=words, data=body, headers=headers, stream=True, timeout=order.silence
        )
        api._raise_for_status(answer)
        yield from api._stream_helper(answer, decode=True)


def failure(message: str, platform: str, tail: list[str]) -> BuildFailedError | TransientError | EngineFullError:
    """Return the error that the engine's message is. What a step itself printed is in `tail`, and says less."""
    if FULL in message.lower():
        return full(usual_engine(), message)
    shown = "\n".join(tail)
    if _QEMU.search(message) or any(_QEMU.search(line) for line in tail):
        return BuildFailedError(
            f"this machine cannot run programs of {platform}",
            code="EMULATOR_MISSING",
            found=message,
            next_step="Install qemu-user-static and register it (binfmt_misc), or take the platform out of "
            "build.platforms.",
        )
    if _WORLD.search(message):
        return TransientError("the engine could not reach a registry", code="BASE_UNREACHABLE", found=message)
    return BuildFailedError(f"the image does not build: {message}", next_step=f"Its last lines:\n{shown}")


def _known(image_id: str) -> str:
    if not image_id:
        raise TransientError("the engine ended the build without an image", code="BUILD_LOST")
    return image_id

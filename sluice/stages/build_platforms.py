"""On which platforms a finished release can run: by the tags of its wheels, and by asking uv to install its lock."""

from __future__ import annotations

import platform
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sluice.errors import SluiceError
from sluice.records.build import PlatformCheck
from sluice.stages.build_wheel import Wheel
from sluice.tools.uv import Uv, try_install

TRIPLES = {"linux/amd64": "x86_64-unknown-linux-gnu", "linux/arm64": "aarch64-unknown-linux-gnu"}
MACHINES = {"linux/amd64": ("x86_64",), "linux/arm64": ("aarch64", "arm64")}


def own_platform() -> str:
    """Return the platform of this machine as sluice.yaml names it; an unknown one by its own words."""
    system, machine = platform.system().lower(), platform.machine()
    return next((name for name, words in MACHINES.items() if machine in words), f"{system}/{machine}")


def usable(
    declared: Sequence[str], python: str | None, wheels: Sequence[Wheel], lock: str, uv: Uv
) -> tuple[PlatformCheck, ...]:
    """Return for each declared platform (this machine's when none is) whether the release can be installed there.

    Args:
        python: `3.11`; None: the release needs no Python.
        wheels: the release's own.
        lock: its requirements; for another platform uv looks whether each has a file that fits.
    """
    wanted = tuple(declared) or (own_platform(),)
    names = [wheel.path.name for wheel in wheels]
    return tuple(_check(name, python, names, lock if declared else "", uv) for name in wanted)


def _check(name: str, python: str | None, wheels: Sequence[str], lock: str, uv: Uv) -> PlatformCheck:
    if python is None:
        return PlatformCheck(platform=name, python="", problem="")
    problem = next((p for wheel in wheels if (p := wheel_problem(wheel, name, python))), "")
    if not problem and lock:
        problem = _refused(name, python, lock, uv)
    return PlatformCheck(platform=name, python=python, problem=problem)


def wheel_problem(file: str, platform_name: str, python: str) -> str:
    """Return why a wheel cannot be installed there; empty when it can."""
    pythons, abi, platforms = file.removesuffix(".whl").split("-")[-3:]
    machines = MACHINES.get(platform_name, (platform_name.rpartition("/")[2],))
    if platforms != "any" and not any(machine in platforms for machine in machines):
        return f"{file} is for {platforms}"
    if not any(_fits(tag, abi, python) for tag in pythons.split(".")):
        return f"{file} is for {pythons}, the release runs on Python {python}"
    return ""


def _fits(tag: str, abi: str, python: str) -> bool:
    major, _, minor = python.partition(".")
    match = re.fullmatch(r"(?:py|cp)(\d)(\d*)", tag)
    if match is None or match[1] != major:
        return False
    if not match[2]:
        return True
    exact = tag.startswith("cp") and abi != "abi3" and abi != "none"
    return match[2] == minor if exact else int(match[2]) <= int(minor)


def _refused(name: str, python: str, lock: str, uv: Uv) -> str:
    with tempfile.TemporaryDirectory(prefix="sluice-platform-") as folder:
        file = Path(folder) / "requirements.lock"
        file.write_text(lock, encoding="utf-8")
        try:
            try_install(uv, file, Path(folder) / "target", python, TRIPLES[name])
        except SluiceError as error:
            if error.transient:
                raise
            return " ".join(f"the lock: {error.next_step or error.message}".split())[-300:]
    return ""

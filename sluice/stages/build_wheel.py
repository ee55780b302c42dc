"""Wheels that are the same bytes for the same source, whatever the build backend makes of the clock."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from pathlib import Path

from sluice.command import LineSink, run
from sluice.errors import BuildFailedError, CommandError, TransientError
from sluice.stages.testing.uv import _NETWORK, uv_environment, uv_program

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)  # a zip knows no earlier time


def build_wheel(
    tree: Path, out: Path, *, made: datetime, python: str, cache: Path, timeout: float, log: LineSink
) -> Path:
    """Build the project's wheel with its own backend; return the file.

    Raises:
        BuildFailedError: the backend failed; its last lines are the next step.
        TransientError: the network failed while the backend was installed.
    """
    env = {**uv_environment(cache / "uv"), "SOURCE_DATE_EPOCH": str(int(max(made, EPOCH).timestamp())), "TZ": "UTC"}
    words = [uv_program(), "build", "--wheel", "--out-dir", out, "--python", python, "--no-create-gitignore", tree]
    try:
        run(words, cwd=tree, env=env, timeout=timeout, log=log, merge=True)
    except CommandError as error:
        if _NETWORK.search(error.next_step):
            raise TransientError("the network failed while the project was built", next_step=error.next_step) from error
        raise BuildFailedError("the project's wheel does not build", next_step=error.next_step) from error
    wheels = sorted(out.glob("*.whl"))
    if len(wheels) != 1:
        raise BuildFailedError("the build made no single wheel", found=[wheel.name for wheel in wheels])
    normalise(wheels[0], made)
    return wheels[0]


def normalise(wheel: Path, made: datetime) -> None:
    """Write a wheel again with sorted entries, one time and plain modes; its RECORD stays true, for it has no times."""
    moment = max(made, EPOCH).astimezone(UTC).timetuple()[:6]
    aside = wheel.with_suffix(".new")
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target:
        for old in sorted(source.infolist(), key=lambda info: info.filename):
            info = zipfile.ZipInfo(old.filename, moment)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            executable = (old.external_attr >> 16) & 0o111
            info.external_attr = (0o100755 if executable else 0o100644) << 16
            target.writestr(info, source.read(old.filename))
    aside.replace(wheel)


def wheel_version(wheel: Path) -> str:
    """Return the version in a wheel's file name."""
    return wheel.name.split("-")[1]

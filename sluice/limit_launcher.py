"""Puts itself under limits, then becomes the program: `python -I -S limit_launcher.py [options] -- program words…`.

Runs as a bare script with the standard library only, before the environment of the program exists. Limits are those
of a control group (v1 or v2) where this user may make one, else resource limits, which hold for each process alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import sys
import time
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PARENT = "sluice"  # every group of ours is below this one
CPU_PERIOD = 100_000  # microseconds


class Groups:
    """The control groups of one named set of processes; every limit is one file below `root`."""

    def __init__(self, name: str, root: Path = CGROUPS) -> None:
        self.name = name
        self.root = root
        self.unified = (root / "cgroup.controllers").exists()

    def folders(self) -> dict[str, Path]:
        """Return controller → the group's folder, for the controllers that are mounted here."""
        if self.unified:
            folder = _delegated(self.root) / PARENT / self.name
            return {
                controller: folder
                for controller in _words(self.root / "cgroup.controllers")
                if controller in ("memory", "cpu", "pids")
            }
        mounted = [c for c in ("memory", "cpu", "pids") if (self.root / c / "cgroup.procs").exists()]
        return {controller: self.root / controller / PARENT / self.name for controller in mounted}

    def settings(self, memory: int | None, cpus: float | None, pids: int | None) -> dict[str, list[tuple[str, str]]]:
        """Return controller → the files and values that make the limits, in the order to write them."""
        wanted: dict[str, list[tuple[str, str]]] = {}
        if memory is not None and self.unified:
            wanted["memory"] = [("memory.max", str(memory)), ("memory.swap.max", "0")]
        elif memory is not None:
            wanted["memory"] = [
                ("memory.limit_in_bytes", str(memory)),
                ("memory.memsw.limit_in_bytes", str(memory)),  # no way out into swap
            ]
        if cpus is not None:
            quota = max(1000, round(cpus * CPU_PERIOD))
            wanted["cpu"] = (
                [("cpu.max", f"{quota} {CPU_PERIOD}")]
                if self.unified
                else [("cpu.cfs_period_us", str(CPU_PERIOD)), ("cpu.cfs_quota_us", str(quota))]
            )
        if pids is not None:
            wanted["pids"] = [("pids.max", str(pids))]
        return wanted

    def join(self, memory: int | None, cpus: float | None, pids: int | None) -> set[str]:
        """Make the groups, set the limits, move this process in; return the controllers that hold now."""
        joined = set()
        folders = self.folders()
        for controller, files in self.settings(memory, cpus, pids).items():
            folder = folders.get(controller)
            if folder is not None and self._join_one(controller, folder, files):
                joined.add(controller)
        return joined

    def _join_one(self, controller: str, folder: Path, files: list[tuple[str, str]]) -> bool:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.unified:
                for level in (folder.parent.parent, folder.parent):
                    _write(level / "cgroup.subtree_control", f"+{controller}")
            for file, value in files:
                _write_limit(folder / file, value)
            _write(folder / "cgroup.procs", str(os.getpid()))
        except OSError:  # not ours to write here: the caller falls back to resource limits
            return False
        return True


def _delegated(root: Path) -> Path:
    """Return where this user may make groups: the root's own, or the one that systemd delegates to a user."""
    user = root / "user.slice" / f"user-{os.getuid()}.slice" / f"user@{os.getuid()}.service"
    return user if os.getuid() != 0 and user.is_dir() else root


def _words(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def _write(path: Path, value: str) -> None:
    with path.open("w") as file:
        file.write(value)


def _write_limit(path: Path, value: str) -> None:
    if "swap" in path.name or "memsw" in path.name:
        with contextlib.suppress(OSError):  # swap accounting is off on many kernels, and then there is none to limit
            _write(path, value)
        return
    _write(path, value)


def limit_resources(memory: int | None, pids: int | None) -> None:
    """Limit this process and each of its children alone, where no group holds them.

    RLIMIT_DATA, not RLIMIT_AS: runtimes such as node reserve address space by the gigabyte that they never use.
    """
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    if pids is not None and os.getuid() != 0:  # the kernel ignores RLIMIT_NPROC for root
        soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        ceiling = min(x for x in (pids, soft, hard) if x != resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_NPROC, (ceiling, hard))


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="limit_launcher", allow_abbrev=False)
    parser.add_argument("--name", required=True)
    parser.add_argument("--memory", type=int)
    parser.add_argument("--cpus", type=float)
    parser.add_argument("--pids", type=int)
    parser.add_argument("--env-file", type=Path, help="JSON object: the whole environment of the program")
    parser.add_argument("--starts-file", type=Path, help="gets the time of each start, one a line")
    parser.add_argument("words", nargs=argparse.REMAINDER)
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    """Take the limits, then become the program; exit code 127 when it cannot be started."""
    asked = _parse(argv)
    words = asked.words[1:] if asked.words[:1] == ["--"] else asked.words
    joined = Groups(asked.name).join(asked.memory, asked.cpus, asked.pids)
    limit_resources(
        None if "memory" in joined else asked.memory,
        None if "pids" in joined else asked.pids,
    )
    if asked.starts_file:
        with asked.starts_file.open("a") as file:
            file.write(f"{time.time():.3f}\n")
    environment = json.loads(asked.env_file.read_text()) if asked.env_file else dict(os.environ)
    try:
        os.execvpe(words[0], words, environment)  # noqa: S606 - becoming the program is this script's purpose
    except OSError as error:
        sys.stderr.write(f"cannot start {words[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])

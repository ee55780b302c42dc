"""Which files make a limit, on both versions of control groups; the kernel's part is in tests/faults."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sluice.limit_launcher import Groups
from sluice.limits import wrap


def version1(root: Path) -> Path:
    for controller in ("memory", "cpu", "pids"):
        (root / controller).mkdir(parents=True)
        (root / controller / "cgroup.procs").touch()
    return root


def version2(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
    return root


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_version_1_writes_each_controllers_files(tmp_path: Path) -> None:
    groups = Groups("one", version1(tmp_path))

    assert groups.join(64 << 20, 0.5, 100) == {"memory", "cpu", "pids"}

    me = str(os.getpid())
    assert content(tmp_path / "memory/sluice/one") == {
        "memory.limit_in_bytes": "67108864",
        "memory.memsw.limit_in_bytes": "67108864",
        "cgroup.procs": me,
    }
    assert content(tmp_path / "cpu/sluice/one") == {
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "50000",
        "cgroup.procs": me,
    }
    assert content(tmp_path / "pids/sluice/one") == {"pids.max": "100", "cgroup.procs": me}


def test_version_2_writes_one_folder_and_hands_the_controllers_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    groups = Groups("one", version2(tmp_path))

    assert groups.join(64 << 20, 1.5, 100) == {"memory", "cpu", "pids"}

    assert content(tmp_path / "sluice/one") == {
        "memory.max": "67108864",
        "memory.swap.max": "0",
        "cpu.max": "150000 100000",
        "pids.max": "100",
        "cgroup.procs": str(os.getpid()),
    }
    assert content(tmp_path) == {"cgroup.controllers": "cpuset cpu memory pids\n", "cgroup.subtree_control": "+pids"}


def test_a_user_gets_the_groups_that_systemd_delegates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    delegated = tmp_path / "user.slice/user-1000.slice/user@1000.service"
    delegated.mkdir(parents=True)

    folders = Groups("one", version2(tmp_path)).folders()

    assert folders == dict.fromkeys(("cpu", "memory", "pids"), delegated / "sluice/one")


def test_no_control_groups_means_no_controller_joined(tmp_path: Path) -> None:
    assert Groups("one", tmp_path).join(64 << 20, 0.5, 100) == set()


def test_a_group_that_may_not_be_made_is_not_claimed(tmp_path: Path) -> None:
    version1(tmp_path)
    (tmp_path / "memory/sluice").write_text("a file where the folder would go")

    assert Groups("one", tmp_path).join(64 << 20, 0.5, None) == {"cpu"}


def test_wrap_names_only_the_limits_that_were_asked_for() -> None:
    words = wrap(["echo", "--memory"], memory_bytes=None, cpus=None, name="one")

    assert words[-3:] == ["--", "echo", "--memory"]
    assert "--memory" not in words[:-3]
    assert "--cpus" not in words

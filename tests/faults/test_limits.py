"""Limits as the kernel keeps them: real processes, real control groups where this user may make them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from sluice import limits
from sluice.command import run
from sluice.limit_launcher import Groups

pytestmark = pytest.mark.faults

PYTHON = sys.executable
MIB = 1 << 20


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid4().hex[:12]}"
    yield name
    assert limits.remove(name)


@pytest.fixture
def _groups(name: str) -> None:
    probe = run(limits.wrap(["true"], memory_bytes=64 * MIB, cpus=1, name=name), accept=None)
    if probe.exit_code != 0 or "memory:cgroup" not in limits.enforced(name):
        pytest.skip("this user may make no memory control group here")
    limits.remove(name)


@pytest.mark.usefixtures("_groups")
class TestControlGroup:
    def test_a_program_above_its_memory_is_killed_and_that_is_known(self, name: str) -> None:
        argv = limits.wrap([PYTHON, "-c", "bytearray(300 << 20)"], memory_bytes=64 * MIB, cpus=1, name=name)

        done = run(argv, accept=None)

        assert (done.signal, limits.oom_killed(name)) == (9, True)
        assert limits.memory_limit(name) == 64 * MIB

    def test_a_killed_child_in_a_pipe_is_known_though_the_shell_exits_0(self, name: str) -> None:
        child = f"{PYTHON} -c 'bytearray(300 << 20)' | cat; echo all fine"
        argv = limits.wrap(["sh", "-c", child], memory_bytes=64 * MIB, cpus=1, name=name)

        done = run(argv, accept=None)

        assert (done.exit_code, done.output) == (0, "all fine\n")
        assert limits.oom_killed(name)

    def test_a_program_within_its_limits_runs_and_is_not_called_killed(self, name: str) -> None:
        argv = limits.wrap([PYTHON, "-c", "bytearray(8 << 20); print('ok')"], memory_bytes=128 * MIB, cpus=2, name=name)

        done = run(argv)

        assert (done.output, limits.oom_killed(name)) == ("ok\n", False)
        assert limits.enforced(name) == ("memory:cgroup", "cpu:cgroup", "pids:cgroup")

    def test_cpu_is_rationed(self, name: str) -> None:
        burn = "import time\nwhile time.process_time() < 0.4: pass"

        done = run(limits.wrap([PYTHON, "-c", burn], memory_bytes=None, cpus=0.25, name=name))

        assert done.seconds > 0.8  # 0.4 s of CPU at a quarter of a core take 1.6 s; half of that is left for noise
        assert limits.cpu_limit(name) == 0.25

    def test_remove_ends_a_daemon_that_left_its_parent(self, name: str) -> None:
        daemon = "import os, time\nif os.fork() == 0:\n os.setsid(); os.close(1); os.close(2); time.sleep(300)"
        run(limits.wrap([PYTHON, "-c", daemon], memory_bytes=None, cpus=1, name=name))
        (pid,) = limits.processes(name)

        assert limits.remove(name)

        deadline = time.monotonic() + 5
        while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert limits.processes(name) == ()

    def test_all_groups_of_a_prefix_are_removed_and_no_other(self, name: str) -> None:
        for each in (f"{name}-a", f"{name}-b", f"other-{name}"):
            run(limits.wrap(["true"], memory_bytes=64 * MIB, cpus=1, name=each))

        assert limits.remove_all(f"{name}-")

        assert [limits.enforced(f"{name}-{each}") for each in "ab"] == [(), ()]
        assert limits.enforced(f"other-{name}") != ()
        assert limits.remove(f"other-{name}")


def test_without_a_group_a_resource_limit_holds_and_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from sluice import limit_launcher, limits\n"
        "import os\n"
        "limit_launcher.limit_resources(64 << 20, None)\n"
        "print(limits._data_limit(os.getpid()))\n"
        "try:\n bytearray(300 << 20)\nexcept MemoryError:\n print('refused')\n"
    )

    done = run([PYTHON, "-c", code, str(Path(limits.__file__).parents[1])])

    assert done.output == f"{64 * MIB}\nrefused\n"


def test_nothing_is_claimed_for_a_group_that_is_not_there() -> None:
    name = f"test-{uuid4().hex[:12]}"

    assert limits.enforced(name, os.getpid()) == ()
    assert (limits.memory_limit(name), limits.cpu_limit(name), limits.oom_killed(name)) == (None, None, False)
    assert all(not folder.exists() for folder in Groups(name).folders().values())


def test_the_environment_file_is_the_whole_environment(name: str, tmp_path: Path) -> None:
    file = tmp_path / "environment.json"
    file.write_text('{"PATH": "/usr/bin:/bin", "ONLY": "this"}')
    argv = limits.wrap(["env"], memory_bytes=None, cpus=None, name=name, env_file=file)

    done = run(argv, env={**os.environ, "SLUICE_DATABASE_URL": "postgresql://secret"})

    assert sorted(done.output.splitlines()) == ["ONLY=this", "PATH=/usr/bin:/bin"]


def test_a_program_that_is_not_there_is_said(name: str) -> None:
    done = run(limits.wrap(["/no/such/program"], memory_bytes=None, cpus=None, name=name), accept=None)

    assert (done.exit_code, done.errors) == (127, "cannot start /no/such/program: No such file or directory\n")

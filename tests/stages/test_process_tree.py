"""The family of a process is found whole, by the kernel's list and by psutil alike."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from sluice import process_tree

# A process with a child of its main thread, and one of another thread, which has a child too.
TREE = """
import subprocess, sys, threading
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
nested = [sys.executable, "-c", f"import subprocess; subprocess.run({sleep!r})"]
threading.Thread(target=subprocess.run, args=(nested,), daemon=True).start()
subprocess.run(sleep)
"""


@pytest.fixture
def tree() -> subprocess.Popen[bytes]:
    with subprocess.Popen([sys.executable, "-c", TREE], start_new_session=True) as process:
        deadline = time.monotonic() + 20
        while len(process_tree._family_by_psutil(process.pid)) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        yield process
        for member in process_tree._family_by_psutil(process.pid):
            member.kill()


def test_every_descendant_is_found_parents_first(tree: subprocess.Popen[bytes]) -> None:
    found = [member.pid for member in process_tree.family(tree.pid)]
    assert found[0] == tree.pid
    assert sorted(found) == sorted(member.pid for member in process_tree._family_by_psutil(tree.pid))
    assert len(found) == 4


def test_a_process_that_is_gone_has_no_family(tree: subprocess.Popen[bytes]) -> None:
    for member in process_tree.family(tree.pid):
        member.kill()
    tree.wait()
    assert process_tree.family(tree.pid) == []
    assert process_tree._family_by_psutil(tree.pid) == []

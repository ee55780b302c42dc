"""A program that prints without end: disk and memory stay flat, and what is missing is counted (fault 33)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sluice.services import code

pytestmark = pytest.mark.faults

MOST_MEMORY = 48 << 20  # bytes that the writer may grow by: two pieces of a pipe and the end of the log are in memory
LIMIT_MB = 10
SCRIPT = """
import json, resource, sys
from sluice import command
from sluice.records.common import StageContext
from sluice.stages.testing.execution import CAPTURED_BYTES
from sluice.stages.workplace import open_workplace
from sluice.states import StageName

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

home, script = sys.argv[1:]
context = StageContext(run_id="run-1", project="p", stage=StageName.TEST, home=home)
with open_workplace(context) as place:
    command.run(["sh", "-c", "echo warm"], log=place.log, merge=True, keep=CAPTURED_BYTES)
    before = peak()
    done = command.run(["sh", "-c", script], log=place.log, merge=True, keep=CAPTURED_BYTES)
print(json.dumps({"grown": peak() - before, "kept": len(done.output)}))
"""
FLOODS = {
    "a line without an end": ("head -c 300000000 /dev/zero; echo; echo the end", 300_000_000),
    "lines": ("yes 0123456789012345678901234567890123456789 | head -c 82000000; echo the end", 82_000_000),
    "bytes that are no text": ("head -c 100000000 /dev/urandom; echo; echo the end", 100_000_000),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_is_cut_counted_and_costs_no_memory(kind: str, tmp_path: Path) -> None:
    script, size = FLOODS[kind]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path, script],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(code.root()), "SLUICE_LOG_LIMIT_MB": str(LIMIT_MB)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["grown"] < MOST_MEMORY, told
    path = tmp_path / "runs" / "run-1" / "test.log"
    assert path.stat().st_size < (LIMIT_MB << 20) + (1 << 18)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "the end"
    (marker,) = (line for line in lines if line.startswith("[") and "were left out here" in line)
    left = int(marker.partition("(")[2].split()[0])
    assert left + path.stat().st_size > size, "each byte is there or counted"

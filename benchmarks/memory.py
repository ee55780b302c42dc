"""What `sluice up` keeps in memory: `python -m benchmarks.memory`. See benchmarks/README.md."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.room import load, services
from sluice.services.status import status, total_memory
from sluice.settings import Settings

LIMIT = 900  # MB, the house's promise
MB = 1_000_000


def main() -> None:
    """Print the proportional set size of each service with its children, and their sum."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--home", type=Path, help="SLUICE_HOME to use; a new one when left out")
    words.add_argument("--settle", type=float, default=20.0, help="seconds to wait after `sluice up`")
    given = words.parse_args()
    with services(given.home):
        time.sleep(given.settle)
        found = [service for service in status(Settings()) if service.pid]
        print("| service | PSS, MB |\n|---|---:|")
        for service in found:
            print(f"| {service.name} | {(service.memory_bytes or 0) / MB:.0f} |")
        print(f"| **all** (limit {LIMIT}) | **{total_memory(tuple(found)) / MB:.0f}** |")
    print(f"\n{load()}")


if __name__ == "__main__":
    main()

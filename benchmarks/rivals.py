"""Two deploys at once on a Docker engine, round after round: `python -m benchmarks.rivals [ROUNDS]` (as root)."""

from __future__ import annotations

import sys
import time

from benchmarks.docker_stand import running_stand
from tests.rivals import play

ROUNDS = 50


def main(rounds: int) -> None:
    """Play, and print what was seen."""
    with running_stand() as (city, _):
        began = time.monotonic()
        seen = play(city, rounds)
        print(f"| rounds | {rounds} |")
        print(f"| deploys | {', '.join(f'{count} {what}' for what, count in sorted(seen.outcomes.items()))} |")
        print(f"| overlaps | {len(seen.overlaps)} |")
        print(f"| sets of containers at once, at most | {seen.most_sets} |")
        print(f"| seconds | {time.monotonic() - began:.0f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)

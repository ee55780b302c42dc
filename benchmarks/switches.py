"""Ten switches and rollbacks of containers under 100 requests a second: what did the users see?

    python -m benchmarks.switches [ROUNDS] [RATE]

k6 asks in an open loop. Printed for each move: requests of the whole move, those that failed, and the 99th percentile
in the five seconds before it, around the switch (from a second before it to a second after it was confirmed), and over
the whole move, starting containers included.
"""

from __future__ import annotations

import sys

from benchmarks.docker_stand import running_stand
from benchmarks.room import load as busy
from tests.switches import switched

SLOWER = 3.0  # times the percentile before, at most


def main(rounds: int = 10, rate: int = 100) -> int:
    """Print one line a move and the verdict; the exit code is 0 when it is good."""
    with running_stand() as (city, folder):
        moves, load = switched(city, folder / "k6", rounds, rate)
    for move in moves:
        figures = f"p99 {move.before * 1000:.0f} ms before, {move.during * 1000:.0f} ms at the switch"
        print(
            f"{move.kind:8}  {move.requests} requests, {move.failed} failed; {figures} ({move.slower:.1f} times), "
            f"{move.whole * 1000:.0f} ms in the whole move"
        )
    failed = sum(answer.failed for answer in load.answers)
    whole = sum(move.failed == 0 for move in moves)
    quick = sum(move.slower <= SLOWER for move in moves)
    print(f"{len(load.answers)} requests in all, {failed} failed, {load.dropped} not sent in time")
    print(f"no failed request in {whole} of {rounds} moves; p99 at most {SLOWER:g} times in {quick} of {rounds}")
    print(busy())
    return 0 if failed == 0 and quick == rounds else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))

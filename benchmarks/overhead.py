"""What a run costs beside the work itself: `python -m benchmarks.overhead`. See benchmarks/README.md."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import fields
from pathlib import Path

from benchmarks.peers import Peer, peers, write_steps
from benchmarks.room import load, services, sluice
from benchmarks.split import Split, medians, split
from benchmarks.trivial import Repository
from sluice.errors import SluiceError

GREEN, ROLLED_BACK = 0, 15


def main() -> None:
    """Measure and print the two tables."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--home", type=Path, help="SLUICE_HOME to use; a new one when left out")
    words.add_argument("--rounds", type=int, default=5, help="runs of each kind; medians are shown")
    words.add_argument("--tools", type=Path, default=Path("/nonexistent"), help="folder with act and gitlab-ci-local")
    given = words.parse_args()
    with services(given.home), tempfile.TemporaryDirectory(prefix="sluice-benchmark-") as folder:
        repository = Repository(Path(folder) / "trivial")
        write_steps(repository, Path(folder) / "work")
        green, whole = measure(repository, given.rounds)
        show_split(green, whole)
        show_peers(list(peers(given.tools)), repository.path, given.rounds, whole.wall, whole.overhead)
    print(f"\n{load()}")


def measure(repository: Repository, rounds: int) -> tuple[Split, Split]:
    """Return the median split of a green run, and of one that is rolled back: all seven stages."""
    found: dict[int, list[Split]] = {GREEN: [], ROLLED_BACK: []}
    for number in range(rounds + 1):
        for answer, code in (("good", GREEN), ("bad", ROLLED_BACK)):
            repository.commit(answer)
            one = split(sluice("run", repository.path, accept=(code,)))
            if number:  # the first round fills caches: git mirror, versions of tools
                found[code].append(one)
    return medians(found[GREEN]), medians(found[ROLLED_BACK])


def show_split(green: Split, whole: Split) -> None:
    """Print the seconds of both kinds of run by part."""
    print("| seconds | green: six stages | rolled back: seven stages |\n|---|---:|---:|")
    for each in fields(green):
        print(f"| {each.name} | {getattr(green, each.name):.2f} | {getattr(whole, each.name):.2f} |")
    print(f"| **overhead** | **{green.overhead:.2f}** | **{whole.overhead:.2f}** |")


def show_peers(others: list[Peer], tree: Path, rounds: int, wall: float, overhead: float) -> None:
    """Print what the same steps take elsewhere, and how many times longer Sluice takes."""
    print("\n| seven trivial steps by | seconds | Sluice's overhead is … times that |\n|---|---:|---:|")
    for peer in others:
        if peer.argv is None:
            print(f"| {peer.name} | skipped: {peer.reason} | |")
            continue
        try:
            seconds = peer.seconds(tree, rounds)
        except SluiceError as error:
            why = next((line for line in error.next_step.splitlines() if "rror" in line), error.message)
            print(f"| {peer.name} | skipped: {why} | |")
            continue
        print(f"| {peer.name} | {seconds:.3f} | {overhead / seconds:.1f} |")
    print(f"| Sluice, its overhead (whole process {wall:.2f} s) | {overhead:.3f} | 1.0 |")


if __name__ == "__main__":
    main()

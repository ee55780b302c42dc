"""What a run takes when nothing has changed: `python -m benchmarks.rerun`. See benchmarks/README.md."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.room import Typed, load, services, sluice
from benchmarks.trivial import Repository
from sluice.database import database
from sluice.settings import Settings
from sluice.states import StageState
from sluice.store.read import Reader, RunView

CACHED = ("checkout", "test", "build", "scan")


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--home", type=Path, help="SLUICE_HOME to use; a new one when left out")
    words.add_argument("--rounds", type=int, default=9, help="runs; the median is shown")
    given = words.parse_args()
    with services(given.home), tempfile.TemporaryDirectory(prefix="sluice-benchmark-") as folder:
        repository = Repository(Path(folder) / "trivial")
        repository.commit("good")
        sluice("run", repository.path)
        found = [again(repository) for _ in range(given.rounds + 1)][1:]
    flow = median(view.seconds or 0.0 for _typed, view in found)
    wall = sorted(typed.seconds for typed, _view in found)
    print("| nothing changed | seconds |\n|---|---:|")
    print(f"| `sluice run`, the whole process (median of {len(wall)}) | {median(wall):.2f} |")
    print(f"| … fastest and slowest | {wall[0]:.2f} to {wall[-1]:.2f} |")
    print(f"| … of it inside the flow | {flow:.2f} |")
    print(f"\nNo test process was started in any of them. {load()}")


def again(repository: Repository) -> tuple[Typed, RunView]:
    """Run the same commit again; refuse a run that did anything anew."""
    typed = sluice("run", repository.path)
    view = Reader(database()).resolve_run("latest")
    anew = [stage.stage for stage in view.stages if stage.stage in CACHED and stage.state != StageState.REUSED]
    log = Settings().home.run_logs(view.id) / "test.log"
    if anew or (log.exists() and log.read_text()):
        raise SystemExit(f"run {view.id} was to reuse everything, and did again: {anew}, see {log}")
    return typed, view


if __name__ == "__main__":
    main()

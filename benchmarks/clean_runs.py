"""Honest runs that are stopped, and lies that are not: `python -m benchmarks.clean_runs`.

Each of fifteen projects (benchmarks/clean) lives through months of honest work; each record of each run goes through
its real boundary, with baselines in a real Postgres. A stop of an honest run is false, whatever its reason. Then lies
of growing size are told of each project's last state. Exits 1 when a run was falsely stopped.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.clean.characters import CHARACTERS
from benchmarks.clean.history import History
from benchmarks.clean.power import LIES, MISSED, STOPPED, THIN, WARNED, told
from benchmarks.clean.tally import Seen, Tally
from benchmarks.room import load
from data_checks import contracts
from sluice.states import CheckStatus, StageName
from sluice.store.engine import engine_for
from tests.postgres_server import TEMPLATE, migrated_postgres

TRUE_WARNINGS = {"T15": "a test passed on a retry", "B08": "the interpreter changed"}  # both really happened


def main() -> None:
    """Simulate, print what the boundaries said, tell the lies; exit 1 on a false stop."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--runs", type=int, default=50, help="of each project")
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--project", action="append", help="only these; may be given more than once")
    asked = words.parse_args()
    chosen = [each for each in CHARACTERS if not asked.project or each.name in asked.project]
    total, power = Tally(), defaultdict[str, list[list[str]]](list)
    print("| project | runs | red | withdrawn | boundaries: of the seven | false stops | warnings |")
    print("|---|---:|---:|---:|---|---|---|")
    with (
        migrated_postgres() as server,
        server.database(TEMPLATE) as url,
        tempfile.TemporaryDirectory(prefix="sluice-clean-") as artifacts,
    ):
        engine = engine_for(url)
        for character in chosen:
            history = History(character, asked.seed, engine, Path(artifacts))
            for _ in range(asked.runs):
                history.run()
            total.add(history.tally)
            print(row(character.name, history.tally), flush=True)
            for name, became in told(history).items():
                power[name].append(became)
        engine.dispose()
    print(f"{row('**all**', total)}\n\n{summary(total)}\n\n{power_table(power)}\n\n{load()}")
    print("".join(f"\nSTOP {each.code} {each.where} ({each.done}): {each.message}" for each in total.stops))
    sys.exit(1 if total.stops else 0)


def row(name: str, tally: Tally) -> str:
    """Return one line of the table."""
    figures = (
        *(tally.runs, tally.red, tally.bad, boundaries(tally)),
        *(by_code(tally.stops) or "none", by_code(tally.warns) or "none"),
    )
    return f"| {name} | " + " | ".join(map(str, figures)) + " |"


def boundaries(tally: Tally) -> str:
    """Return how many boundaries were passed: all, and each of the seven in the order of the pipeline."""
    of_each = " ".join(str(tally.boundaries[stage]) for stage in StageName if stage in contracts())
    return f"{tally.boundaries.total()}: {of_each}"


def by_code(seen: Iterable[Seen]) -> str:
    """Return codes and how often each was seen."""
    counts = Counter(each.code for each in seen)
    return ", ".join(f"{number} {code}" for code, number in sorted(counts.items()))


def summary(tally: Tally) -> str:
    """Return the figures of all runs."""
    false = [each for each in tally.warns if each.code not in TRUE_WARNINGS]
    thin = tally.statuses[CheckStatus.NOT_ENOUGH_HISTORY.value]
    return (
        f"{tally.runs} runs, {tally.boundaries.total()} boundaries, {sum(tally.statuses.values())} checks "
        f"({thin} without history enough): {len(tally.stops)} false stops; {len(false)} false warnings "
        f"({by_code(false) or 'none'}), {len(false) / max(1, tally.runs):.1%} of the runs."
    )


def power_table(power: dict[str, list[list[str]]]) -> str:
    """Return for each lie and size in how many projects it was stopped, and in how many only shown."""
    lines = ["| lie | check | size: stopped + warned of projects |", "|---|---|---|"]
    for lie in LIES:
        cells = [_cell(lie.sizes[place], lie.unit, [each[place] for each in power[lie.name]]) for place in range(5)]
        lines.append(f"| {lie.name} | {lie.code} | " + "; ".join(cells) + " |")
    return "\n".join(lines)


def _cell(size: float, unit: str, became: Sequence[str]) -> str:
    counts = Counter(became)
    asked = counts[STOPPED] + counts[WARNED] + counts[MISSED]
    thin = f" ({counts[THIN]} without history)" if counts[THIN] else ""
    return f"{size:+g} {unit}: {counts[STOPPED]} + {counts[WARNED]} of {asked}{thin}"


if __name__ == "__main__":
    main()

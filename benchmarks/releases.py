"""Twenty bad releases and as many good ones, as images, tried under load as a run does it.

    python -m benchmarks.releases [BAD] [GOOD] [RATE] [KIND …]

Each goes aside, is smoked, takes over in steps of 5, 25 and 50 % and is watched. One request in five is a POST, which
the old release cannot answer in place of the new one. Printed for each: how it ended, requests and failed ones
meanwhile, and for those that broke under the users the time from the first symptom (an answer that failed, or took
longer than 0.5 s) to the last. KIND (words of its name) chooses among the bad ones.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence

from benchmarks.docker_stand import running_stand
from benchmarks.room import load as busy
from tests.docker_city import DockerCity
from tests.k6_load import K6Load
from tests.release_trials import BAD, SERVED, WITHDRAWN, Kind, Seen, Trial, attempt, seen

START_SECONDS = 15.0  # that a bad release has to become healthy
POSTS = 0.2  # share of the users' requests
ALLOWED = 0.01  # share of failed requests while a release is tried that breaks under the users' requests


def trials(city: DockerCity, bad: Sequence[Kind], good: int) -> list[Trial]:
    """Try these releases and so many good ones, in turn."""
    images, found = city.images, []
    for number in range(max(len(bad), good)):
        if number < len(bad):
            kind = bad[number]
            release = images.build(f"bad{number}", kind.name, kind.server(images.server(f"bad{number}")))
            found.append(attempt(city, release, kind.name, START_SECONDS))
        if number < good:
            found.append(attempt(city, images.release(f"good{number}"), "good"))
        print(f"{found[-1].kind}: {found[-1].outcome} {found[-1].code}", file=sys.stderr, flush=True)
    return found


def main(bad: int = 20, good: int = 20, rate: int = 100, *words: str) -> int:
    """Print one line a release and the verdict; the exit code is 0 when it is good."""
    chosen = [kind for kind in BAD if not words or any(word in kind.name for word in words)][:bad]
    with running_stand() as (city, folder):
        city.release(city.images.release("first"))
        with K6Load(city.url, folder / "k6", rate, posts=POSTS) as load:
            found = trials(city, chosen, good)
    return report([(trial, seen(load, trial)) for trial in found])


def report(found: Sequence[tuple[Trial, Seen]]) -> int:
    """Print what happened; return the exit code."""
    for trial, saw in found:
        told = "" if saw.seconds is None else f", symptoms for {saw.seconds:.1f} s"
        failed = f"{saw.failed} of {saw.requests} failed"
        print(f"{trial.kind:34} {trial.outcome} {trial.code}: {failed}{told}, {trial.ended - trial.began:.0f} s")
    bad = [(trial, saw) for trial, saw in found if trial.kind != "good"]
    good = [trial for trial, _ in found if trial.kind == "good"]
    stopped = sum(trial.outcome != SERVED for trial, _ in bad)
    early = [saw.failed for trial, saw in bad if trial.outcome == WITHDRAWN]
    late = [saw for trial, saw in bad if trial.outcome != WITHDRAWN]
    kept = sum(trial.outcome == SERVED for trial in good)
    worst = max((saw.failed / max(1, saw.requests) for saw in late), default=0.0)
    print(f"bad: {stopped} of {len(bad)} never switched or rolled back; good: {kept} of {len(good)} serve")
    print(f"failed requests: {sum(early)} of those that never switched, at most {worst:.2%} of one that broke later")
    times = sorted(saw.seconds for saw in late if saw.seconds is not None)
    if times:
        print(
            f"first symptom to last: median {statistics.median(times):.1f} s, longest {times[-1]:.1f} s of {len(times)}"
        )
    print(busy())
    return 0 if stopped == len(bad) and kept == len(good) and not sum(early) and worst <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:4]), *sys.argv[4:]))

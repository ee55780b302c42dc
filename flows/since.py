"""What was done to a branch since its newest accepted result."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from flows.run import Run
from sluice.records.checkout import ChangedFile
from sluice.records.common import SourceRef
from sluice.tools import git


def files_since(run: Run, source: SourceRef, metric: str) -> tuple[ChangedFile, ...] | None:
    """Return what was done since the run that the metric's newest value is of; None when nobody knows.

    A commit that does not contain that run's (the default branch went on, the branch was written anew) lacks what is
    there: how the two differ is not what was done.
    """
    newest = run.history().baselines.get(metric)
    if newest is None or newest.commit is None:
        return None
    return _between(Path(source.mirror), newest.commit, source.commit)


@lru_cache(maxsize=8)
def _between(mirror: Path, before: str, commit: str) -> tuple[ChangedFile, ...] | None:
    """Return what was done from one commit to another; several stages of a run ask the same."""
    if not git.has_object(mirror, before) or not git.is_ancestor(mirror, before, commit):
        return None
    return git.changed_files(mirror, before, commit)

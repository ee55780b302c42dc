"""How a stage's earlier result is found again: Prefect carries the key, Postgres says whether it may be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sluice.artifacts import ArtifactStore
from sluice.database import database
from sluice.keys import key_of
from sluice.records.common import StageContext
from sluice.settings import Home
from sluice.store.runs import Accepted, RunStore
from sluice.used import touch

Inputs = Callable[[Any, StageContext], Mapping[str, str]]
CacheKey = Callable[[Any, dict[str, Any]], str]


def reuse(inputs: Inputs) -> CacheKey:
    """Return a `cache_key_fn` for a stage whose declared inputs `inputs(request, context)` gives.

    The key ends in the id of the run that produced the newest *accepted* result, or in this run's own id when there is
    none: a rejected result, or one whose files are gone, is never found.
    """

    def cache_key(_run: Any, parameters: dict[str, Any]) -> str:
        context: StageContext = parameters["context"]
        digest = key_of(inputs(parameters["request"], context))
        store = RunStore(database())
        found = None if context.fresh else store.find_accepted(context.project, context.stage, digest)
        gone = _gone(context, found) if found else []
        if found and gone:
            store.files_gone(context.run_id, context.stage, found, gone)
        producer = found.run_id if found and not gone else context.run_id
        key = f"{context.stage}-{digest}-{producer}"
        touch(Home(Path(context.home)).results / key)
        return key

    return cache_key


def _gone(context: StageContext, accepted: Accepted) -> list[str]:
    """Return which files of a result are no longer there."""
    store = ArtifactStore(Home(Path(context.home)).artifacts)
    paths = {sha256: store.path(sha256) for sha256 in accepted.artifacts}
    for path in paths.values():
        touch(path)  # before the look: a clean-up leaves alone what was used just now
    return [sha256 for sha256, path in paths.items() if not path.is_file()]

"""The parts of a test cell's cache key."""

from __future__ import annotations

import hashlib
import json
import platform

from sluice.records.testing import TestRequest

RULES = "3"  # raise it when a run of the same inputs would give another record


def inputs(request: TestRequest) -> dict[str, str]:
    """Return what decides the result of a cell, name to value, each for `sluice why`.

    The source holds the code, its tests and every file that declares a dependency. Recorded durations are left out:
    they move tests between shards and change no result.
    """
    config = request.config.model_dump(mode="json", exclude={"matrix"})
    cell = request.cell
    only = sorted((name, wanted.ids, wanted.stands.run_id) for name, wanted in request.only.items())
    in_part = {"only": hashlib.sha256(json.dumps(only).encode()).hexdigest()} if only else {}
    return {
        **in_part,
        "source": request.source.identity,
        "submodules": str(request.source.submodules),
        "lfs": str(request.source.lfs),
        "config": hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        "frameworks": ",".join(request.config.frameworks),
        "cell": cell.label,
        "python": cell.python or "the project's choice",
        "env": json.dumps(cell.env, sort_keys=True),
        "shard": f"{cell.shard} of {cell.shards}",
        "machine": f"{platform.system()}-{platform.machine()}",
        "rules": RULES,
    }

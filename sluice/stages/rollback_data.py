"""R03: whether the release to go back to can read the data that the newer one left."""

from __future__ import annotations

from collections.abc import Mapping

from sluice import command
from sluice.command import mask
from sluice.stages.deploy_site import Kept
from sluice.stages.deploy_turn import Turn
from sluice.targets.base import Launch
from sluice.targets.replica import environment_of

SECONDS = 60.0
SHOWN = 300


def reads_data(mine: Turn, target: Kept, secrets: Mapping[str, str]) -> tuple[bool | None, str]:
    """Ask the release itself, by its `service.reads_data`, in its own folder and environment.

    Returns:
        Whether it can (None: it declares no such command), and the end of what it said when it cannot.
    """
    words = target.service.reads_data
    if not words:
        return None, ""
    unpacked = mine.world.prepare(target.release, mine.world.home, mine.site.log)
    launch = Launch(
        project=mine.site.project,
        environment=mine.site.environment,
        deployment_id="",
        release=target.release,
        service=target.service,
        declaration=target.declaration,
        path=str(unpacked.path),
        python=str(unpacked.python) if unpacked.python else None,
    )
    environment = environment_of(launch, secrets, port=0)
    done = command.run(list(words), cwd=unpacked.path, env=environment, timeout=SECONDS, merge=True, accept=None)
    if done.exit_code == 0 and not done.timed_out:
        return True, ""
    hidden = [value for value in secrets.values() if len(value) > 3]
    said = mask(" ".join(done.tail(10).split()), hidden)[-SHOWN:]
    return False, said or f"it ended with exit code {done.exit_code}"

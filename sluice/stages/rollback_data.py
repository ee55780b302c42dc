"""R03: whether the release to go back to can read the data that the newer one left."""

from __future__ import annotations

from collections.abc import Mapping

from sluice.command import mask
from sluice.stages.deploy_site import Kept
from sluice.stages.deploy_turn import Turn
from sluice.targets.base import Launch

SECONDS = 60.0
SHOWN = 300


def reads_data(mine: Turn, target: Kept, secrets: Mapping[str, str]) -> tuple[bool | None, str]:
    """Ask the release itself, by its `service.reads_data`, in its own environment.

    Returns:
        Whether it can (None: it declares no such command), and the end of what it said when it cannot.
    """
    words = target.service.reads_data
    if not words:
        return None, ""
    site = mine.site
    ready = site.target.prepare(target.release, target.service, target.declaration, site.log)
    launch = Launch(
        project=site.project,
        environment=site.environment,
        deployment_id="",
        run_id=mine.run_id,
        release=target.release,
        service=target.service,
        declaration=target.declaration,
        path=ready.path,
        python=ready.python,
    )
    said = site.target.ask(launch, secrets, words, SECONDS)
    if said.exit_code == 0:
        return True, ""
    hidden = [value for value in secrets.values() if len(value) > 3]
    told = mask(" ".join(said.output.split()), hidden)[-SHOWN:]
    how = f"ended with exit code {said.exit_code}" if said.exit_code is not None else f"took more than {SECONDS:g} s"
    return False, told or f"it {how}"

"""Which project a command means when nobody names it."""

from __future__ import annotations

from pathlib import Path

from sluice.errors import SluiceError, UsageError
from sluice.records.request import project_name
from sluice.tools import git


def project_of(environment: str) -> str:
    """Return the one project that has the environment; of several, the one whose repository we stand in."""
    from sluice.database import database
    from sluice.store.read import Reader

    reader = Reader(database())
    projects = reader.projects_with(environment)
    here = _project_here() if len(projects) > 1 else None
    if len(projects) == 1 or here in projects:
        return here if here in projects else projects[0]
    if not projects:
        known = sorted({view.environment for view in reader.environments()})
        raise UsageError(
            "nothing was ever deployed to an environment of this name",
            code="ENVIRONMENT_UNKNOWN",
            found=environment,
            allowed=", ".join(known) or "none yet",
            next_step="`sluice run` deploys what the routes in sluice.yaml say.",
        )
    raise UsageError(
        f"{len(projects)} projects have an environment {environment}",
        code="PROJECT_UNCLEAR",
        allowed=", ".join(projects),
        next_step="Name one with --project, or go to its repository.",
    )


def _project_here() -> str | None:
    from sluice.config.load import load_project

    try:
        top = git.top_level(Path())
        return load_project(top).config.project or project_name(str(top))
    except SluiceError:  # no repository, or a broken sluice.yaml: then somebody must name the project
        return None

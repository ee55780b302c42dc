"""Reading images: where one lies, which tags must still name it, what it is of, and who may read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from sluice.config.docker import RegistryLogin
from sluice.errors import UsageError
from sluice.releases.tags import lasting
from sluice.store.engine import reading

FOUND = """
SELECT i.image_name, i.digest, i.tags, l.commit_sha, r.config -> 'build' -> 'image' -> 'login' AS login
FROM images i JOIN releases l USING (project_id, digest)
JOIN stage_runs s ON s.id = i.stage_run_id JOIN pipeline_runs r ON r.id = s.run_id
WHERE i.digest = :digest ORDER BY s.ended_at DESC LIMIT 1
"""


@dataclass(frozen=True)
class KnownImage:
    """An image that a build made; `tags` are those that no other commit gets."""

    name: str
    digest: str
    commit: str
    tags: tuple[str, ...]
    login: RegistryLogin | None


def find_image(engine: Engine, digest: str) -> KnownImage:
    """Return the image of a digest.

    Raises:
        UsageError: the release is no image.
    """
    with reading(engine) as connection:
        row: Any = connection.execute(text(FOUND), {"digest": digest}).one_or_none()
    if row is None:
        raise UsageError("the release is no image", found=digest, next_step="Only images are in a registry.")
    login = RegistryLogin.model_validate(row.login) if row.login else None
    return KnownImage(row.image_name, row.digest, row.commit_sha, lasting(row.tags), login)

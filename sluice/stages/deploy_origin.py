"""D01, before anything is started: is an image the one that this Sluice built, and do its tags still name it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sluice.config.docker import RegistryLogin
from sluice.errors import SluiceError
from sluice.records.build import Release
from sluice.records.deploy import Condition, DeployRequest, RollbackRequest
from sluice.releases.provenance import ProvenanceError
from sluice.stages.deploy_site import Log

if TYPE_CHECKING:
    from sluice.tools.docker.registry import Registry

GLANCE_SECONDS = 5.0  # time limit of a request whose answer nothing waits for


def of_known_origin(request: DeployRequest, secrets: Path, log: Log) -> tuple[Condition, ...]:
    """Return what the signed provenance beside an image says of it, and what each of its tags names now.

    Args:
        secrets: where this Sluice's key is.

    Raises:
        RegistryRefusedError, RegistryError: the registry does not answer, or lets us not in: nobody could look.
    """
    release = request.release
    if release.kind != "image":
        return (Condition.no_subject("D01", "a bundle lies in Sluice's own store, under its digest"),)
    with _opened(release, request.declaration.docker.login or request.registry_login) as registry:
        return (
            _signed(registry, release, secrets),
            *(_tag(registry, release, tag, secrets, log) for tag in release.tags),
        )


def moved_tags(request: RollbackRequest, release: Release, secrets: Path, log: Log) -> tuple[str, ...]:
    """Return which tags of an image that serves again name another, each in words: that holds no rollback up."""
    if not release.tags:
        return ()
    try:
        with _opened(release, request.declaration.docker.login or request.registry_login) as registry:
            registry.be_quick(GLANCE_SECONDS)
            seen = [_tag(registry, release, tag, secrets, log) for tag in release.tags]
    except SluiceError as error:
        log(f"what the tags of {release.reference} name is not known: {error}")
        return ()
    return tuple(each.observed for each in seen if each.state == "broken")


def _opened(release: Release, declared: RegistryLogin | None) -> Registry:
    from sluice.tools.docker.login import login_of  # the registry's client takes long to import
    from sluice.tools.docker.registry import Registry

    return Registry(release.repository, login_of(declared))


def _signed(registry: Registry, release: Release, secrets: Path) -> Condition:
    from sluice.releases.verify import origin
    from sluice.tools.docker.registry_session import RegistryError

    expected = f"provenance of {release.reference}, signed by this Sluice, of commit {release.commit}"
    try:
        found = origin(registry, release.digest, secrets)
    except ProvenanceError as error:
        return Condition.broken("D01", expected, str(error))
    except RegistryError as error:
        if error.code not in ("DIGEST_MISMATCH", "IMAGE_GONE"):
            raise
        return Condition.broken("D01", expected, str(error))
    if found.commit != release.commit:
        return Condition.broken("D01", expected, f"it is of commit {found.commit}, run {found.run}")
    return Condition.holds("D01", expected, str(found))


def _tag(registry: Registry, release: Release, tag: str, secrets: Path, log: Log) -> Condition:
    """Return what a tag names; who does not answer here answered about the image, which is started by its digest."""
    from sluice.releases.verify import NAMES_IT, named
    from sluice.tools.docker.registry_session import RegistryError, RegistryRefusedError

    expected = f"tag {tag} to name {release.digest} or another build of its commit"
    try:
        told = named(registry, release.digest, release.commit, tag, secrets)
    except (RegistryError, RegistryRefusedError) as error:
        log(f"tag {tag} of {release.reference}: {error}")
        if error.code == "TAG_MOVED":
            return Condition.broken("D01", expected, str(error))
        return Condition.no_subject("D01", f"what tag {tag} names is not known: {error}")
    if told != NAMES_IT:
        log(f"tag {tag} of {release.reference} {told}")
    return Condition.holds("D01", expected, f"tag {tag} {told}")

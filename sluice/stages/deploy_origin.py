"""D01, before anything is started: is an image the one that this Sluice built, of the commit that it says?"""

from __future__ import annotations

from pathlib import Path

from sluice.records.deploy import Condition, DeployRequest
from sluice.releases.provenance import ProvenanceError


def of_known_origin(request: DeployRequest, secrets: Path) -> Condition:
    """Return what the signed provenance beside an image says of it.

    Args:
        secrets: where this Sluice's key is.

    Raises:
        RegistryRefusedError, RegistryError: the registry does not answer, or lets us not in: nobody could look.
    """
    release = request.release
    if release.kind != "image":
        return Condition.no_subject("D01", "a bundle lies in Sluice's own store, under its digest")
    from sluice.releases.verify import origin  # the registry's client takes long to import
    from sluice.tools.docker.login import login_of
    from sluice.tools.docker.registry import Registry
    from sluice.tools.docker.registry_session import RegistryError

    expected = f"provenance of {release.reference}, signed by this Sluice, of commit {release.commit}"
    login = login_of(request.declaration.docker.login or request.registry_login)
    with Registry(release.repository, login) as registry:
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
    return Condition.holds("D01", expected, f"signed by this Sluice: commit {found.commit}, run {found.run}")

"""The scan of an image: what Trivy read is held against what the registry has under the digest."""

from __future__ import annotations

import json

from sluice.errors import CommandError, InfrastructureError, ToolMissingError
from sluice.findings.seen import Seen, failed, not_run
from sluice.records.scan import ScanRequest
from sluice.settings import Settings
from sluice.stages.scan_content import Content
from sluice.stages.scan_scanners import MISSING, job_for
from sluice.stages.workplace import Workplace, now
from sluice.tools import trivy, trivy_database, trivy_image
from sluice.tools.docker.login import login_of
from sluice.tools.docker.referrers import attach
from sluice.tools.docker.registry import INDEXES, Registry
from sluice.tools.docker.registry_session import Login

SBOM_TYPE = "application/vnd.cyclonedx+json"


def scan_image(request: ScanRequest, content: Content, place: Workplace, subject: str) -> tuple[Seen, str]:
    """Scan the image of a release; return the result and the digest of what was really scanned.

    Raises:
        RegistryRefusedError, RegistryError: the registry does not give the image.
        SecretError: the password of its login is not there.
    """
    login = login_of(request.login)
    ids = image_ids(request, login, request.config.timeout)
    try:
        mine = job_for(trivy.NAME, content.root, place, content.scratch, request.config.timeout, subject)
        database = trivy_database.prepare(
            Settings().trivy_db, place.home.cache / "trivy", mine.program, now(), place.log
        )
        image = trivy_image.Subject(request.release.reference, request.layers, login)
        seen, read = trivy_image.scan(mine, image, database)
    except ToolMissingError as error:
        return not_run(trivy_image.NAME, f"{MISSING}: {error.message}"), ""
    except (CommandError, InfrastructureError) as error:
        return failed(trivy_image.NAME, f"{error.message}{f': {error.found}' if error.found else ''}"), ""
    if read not in ids:
        return seen, read
    if seen.sbom is not None:
        with Registry(request.release.repository, login, request.config.timeout) as registry:
            attach(registry, registry.need_manifest(request.release.digest), SBOM_TYPE, seen.sbom)
    return seen, request.release.digest


def image_ids(request: ScanRequest, login: Login | None, timeout: float) -> tuple[str, ...]:
    """Return the ids of the images that the release's digest names: one, or one a platform.

    Raises:
        RegistryRefusedError, RegistryError: the registry does not give it.
    """
    with Registry(request.release.repository, login, timeout) as registry:
        top = registry.need_manifest(request.release.digest)
        parts = json.loads(top.content)
        if parts.get("mediaType") in INDEXES:
            images = [json.loads(registry.need_manifest(each["digest"]).content) for each in parts["manifests"]]
        else:
            images = [parts]
    return tuple(str(each["config"]["digest"]) for each in images)

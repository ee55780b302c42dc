"""The signed word about where an image comes from, kept beside it in its registry and in the artifact store."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sluice import __version__
from sluice.records.build import BuildRequest
from sluice.records.common import ArtifactRef
from sluice.releases.provenance import PAYLOAD, sign, signing_key, statement_of
from sluice.stages.build_image_parts import Made
from sluice.stages.build_image_push import Arrived
from sluice.stages.workplace import Workplace, now
from sluice.tools.docker.referrers import attach
from sluice.tools.docker.registry import Manifest, Registry

DSSE = "application/vnd.dsse.envelope.v1+json"


def attest(
    registry: Registry,
    request: BuildRequest,
    place: Workplace,
    made: Made,
    arrived: Arrived,
    started: datetime,
    engine: str,
) -> ArtifactRef:
    """Sign what is known of an image, attach it, and return the stored envelope.

    It is about the image that was built: should the registry have another under the tag, the boundary says so (B01).

    Raises:
        RegistryRefusedError, RegistryError: the registry does not take it.
    """
    facts = _facts(request, place, made, started, engine)
    envelope = sign(statement_of(arrived.repository, made.digest, facts), signing_key(place.home.secrets))
    digest = attach(registry, Manifest(made.content, made.media_type, made.digest), PAYLOAD, envelope)
    place.log(f"attached the signed provenance, {digest}")
    return place.artifacts.put_bytes(envelope, "provenance.dsse.json", DSSE)


def _facts(request: BuildRequest, place: Workplace, made: Made, started: datetime, engine: str) -> dict[str, Any]:
    config = request.config.image
    assert config is not None
    dependencies = [{"uri": f"git+{request.origin}", "digest": {"gitCommit": request.source.commit}}]
    if made.base.name:
        digest = made.base.digest.removeprefix("sha256:")
        dependencies.append({"uri": made.base.name.partition("@")[0], "digest": {"sha256": digest}})
    return {
        "external": {
            "source": request.origin,
            "commit": request.source.commit,
            "tree": request.source.tree,
            "platforms": [each.platform for each in made.images],
            "image": {
                **config.model_dump(mode="json", exclude={"login", "push_timeout", "secrets"}),
                "secrets": list(config.secrets),
            },
        },
        "internal": {"builder": made.images[0].builder, "engine": engine},
        "dependencies": dependencies,
        "run": place.context.run_id,
        "started": started.isoformat(),
        "ended": now().isoformat(),
        "versions": {"sluice": __version__},
    }

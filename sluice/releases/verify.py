"""Is an image what was built? Every byte in its registry, its tags, and the signed word about where it is from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sluice.releases.provenance import PAYLOAD, ProvenanceError, opened, signing_key
from sluice.tools.docker.referrers import attached
from sluice.tools.docker.registry import INDEXES, Registry
from sluice.tools.docker.registry_session import RegistryError


@dataclass(frozen=True)
class Proof:
    """One thing that was looked at; `problem` empty: it holds."""

    name: str
    detail: str
    problem: str = ""


def verify(registry: Registry, digest: str, tags: Sequence[str], secrets: Path) -> tuple[Proof, ...]:
    """Look at an image in its registry; nothing is changed.

    Args:
        tags: what named it when it was pushed.
        secrets: where this Sluice's key is.

    Raises:
        RegistryRefusedError, RegistryError: the registry does not answer, or lets us not in.
    """
    return (
        _proof("bytes", lambda: _bytes(registry, digest)),
        *(_proof(f"tag {tag}", partial(_tag, registry, digest, tag)) for tag in tags),
        _proof("provenance", lambda: provenance(registry, digest, secrets)),
    )


@dataclass(frozen=True)
class Origin:
    """Where an image is from, as this Sluice signed it."""

    commit: str
    run: str


def provenance(registry: Registry, digest: str, secrets: Path) -> str:
    """Return what the newest provenance of an image says, in a line; see :func:`origin`."""
    found = origin(registry, digest, secrets)
    return f"signed by this Sluice: commit {found.commit}, run {found.run}"


def origin(registry: Registry, digest: str, secrets: Path) -> Origin:
    """Return what the newest provenance of an image says.

    Raises:
        ProvenanceError: there is none, or one that is there is not ours or is about something else.
        RegistryError: the image is not there (`IMAGE_GONE`), or the registry does not answer.
    """
    envelopes = attached(registry, digest, PAYLOAD)
    if not envelopes:
        registry.need_manifest(digest)
        raise ProvenanceError("the image has no provenance", where=digest)
    key = signing_key(secrets).public_key()
    statements = [opened(envelope, key, registry.repository, digest) for envelope in envelopes]
    predicate = statements[-1]["predicate"]
    commit = predicate["buildDefinition"]["externalParameters"]["commit"]
    return Origin(str(commit), str(predicate["runDetails"]["metadata"]["invocationId"]))


def _proof(name: str, look: Callable[[], str]) -> Proof:
    try:
        return Proof(name, look())
    except (RegistryError, ProvenanceError) as error:
        return Proof(name, "", str(error))


def _bytes(registry: Registry, digest: str) -> str:
    """Read every byte again; each blob is held against its digest by the registry's client."""
    top = registry.need_manifest(digest)
    parts = json.loads(top.content)
    images = [parts]
    if parts.get("mediaType") in INDEXES:
        images = [json.loads(registry.need_manifest(each["digest"]).content) for each in parts["manifests"]]
    size = 0
    for image in images:
        for blob in (image["config"], *image["layers"]):
            size += len(registry.blob(blob["digest"]))
    return f"{size} bytes in {sum(len(image['layers']) for image in images)} layers are what their digests say"


def _tag(registry: Registry, digest: str, tag: str) -> str:
    found = registry.manifest(tag)
    if found is None or found.digest != digest:
        raise RegistryError(
            "the tag names another image now" if found else "the tag is gone",
            code="TAG_MOVED",
            where=f"{registry.repository}:{tag}",
            found=found.digest if found else "",
            allowed=digest,
            next_step="Look who moved it; deploys name digests and are not touched by it.",
        )
    return "names it"

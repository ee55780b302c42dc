"""Is an image what was built? Every byte in its registry, its tags, and the signed word about where it is from."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sluice.releases.provenance import PAYLOAD, ProvenanceError, opened, signing_key
from sluice.releases.tags import of_commit
from sluice.tools.docker.referrers import attached
from sluice.tools.docker.registry import INDEXES, Registry
from sluice.tools.docker.registry_session import RegistryError

NAMES_IT = "names it"


@dataclass(frozen=True)
class Proof:
    """One thing that was looked at; `problem` empty: it holds."""

    name: str
    detail: str
    problem: str = ""


def verify(registry: Registry, digest: str, commit: str, tags: Sequence[str], secrets: Path) -> tuple[Proof, ...]:
    """Look at an image in its registry; nothing is changed.

    Args:
        commit: what it was built of.
        tags: what named it when it was pushed, and no other commit.
        secrets: where this Sluice's key is.

    Raises:
        RegistryRefusedError, RegistryError: the registry does not answer, or lets us not in.
    """
    return (
        _proof("bytes", lambda: _bytes(registry, digest)),
        *(_proof(f"tag {tag}", partial(named, registry, digest, commit, tag, secrets)) for tag in tags),
        _proof("provenance", lambda: str(origin(registry, digest, secrets))),
    )


@dataclass(frozen=True)
class Origin:
    """Where an image is from, as this Sluice signed it."""

    commit: str
    run: str

    def __str__(self) -> str:
        """Say it in a line."""
        return f"signed by this Sluice: commit {self.commit}, run {self.run}"


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


def named(registry: Registry, digest: str, commit: str, tag: str, secrets: Path) -> str:
    """Return, in words, what a tag of a build names now: its image, another build of its commit, or nothing any more.

    The tag of a branch and commit moves when the commit is built again, and a registry may clean it away; a version
    never moves.

    Raises:
        RegistryError: `TAG_MOVED`: it names an image that is not known to be of that commit; `TAG_GONE`, of a version;
            or the registry does not answer.
        RegistryRefusedError: it lets us not in.
    """
    found = registry.manifest(tag)
    if found is not None and found.digest == digest:
        return NAMES_IT
    of_branch = of_commit(tag, commit)
    where, next_step = f"{registry.repository}:{tag}", "Look who moved it, and build the commit again."
    if found is None:
        if of_branch:
            return "is gone; registries may clean such tags away"
        raise RegistryError("the tag is gone", code="TAG_GONE", where=where, allowed=digest, next_step=next_step)
    told, known = _whose(registry, found.digest, secrets)
    if of_branch and known == commit:
        return f"names {found.digest} now, another build of the same commit, {told}"
    raise RegistryError(
        f"the tag names another image now, {told}",
        code="TAG_MOVED",
        where=where,
        found=found.digest,
        allowed=digest,
        next_step=next_step,
    )


def _whose(registry: Registry, digest: str, secrets: Path) -> tuple[str, str]:
    """Return where an image is from, in words, and its commit; the commit is empty where nobody of us signed it."""
    try:
        found = origin(registry, digest, secrets)
    except ProvenanceError as error:
        return error.message, ""
    except RegistryError as error:
        if error.code == RegistryError.code:  # no answer; else what lies there is not what it should be
            raise
        return error.message, ""
    return str(found), found.commit

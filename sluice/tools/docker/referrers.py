"""What is said about an image, kept beside it in its registry: OCI referrers, by a tag where a registry has no API."""

from __future__ import annotations

import json
from typing import Any

from sluice.tools.docker.registry import INDEX, MANIFEST, Manifest, Registry, digest_of
from sluice.tools.docker.registry_session import RegistryError

EMPTY = "application/vnd.oci.empty.v1+json"


def attach(registry: Registry, subject: Manifest, kind: str, content: bytes) -> str:
    """Keep `content` beside an image; return the digest of the manifest that names both.

    Args:
        kind: its media type, which is its artifact type too.
    """
    for data in (b"{}", content):
        registry.put_blob(digest_of(data), data)
    about = {"mediaType": subject.media_type, "digest": subject.digest, "size": len(subject.content)}
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": {"mediaType": EMPTY, "digest": digest_of(b"{}"), "size": 2},
            "layers": [{"mediaType": kind, "digest": digest_of(content), "size": len(content)}],
            "subject": about,
        },
        separators=(",", ":"),
    ).encode()
    digest = digest_of(manifest)
    registry.put_manifest(digest, manifest, MANIFEST)
    entry = {"mediaType": MANIFEST, "artifactType": kind, "digest": digest, "size": len(manifest)}
    if registry.referrers(subject.digest) is None:
        _name_by_tag(registry, subject.digest, entry)
    return digest


def attached(registry: Registry, digest: str, kind: str) -> list[bytes]:
    """Return everything of one kind that is kept beside an image, newest last, each held against its digest.

    Raises:
        RegistryError: it cannot be read, or is about another image; or the registry does not answer.
    """
    try:
        return _attached(registry, digest, kind)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RegistryError(
            "what lies beside the image cannot be read", code="DIGEST_MISMATCH", where=digest, found=error
        ) from error


def _attached(registry: Registry, digest: str, kind: str) -> list[bytes]:
    entries = registry.referrers(digest)
    if entries is None:
        entries = _by_tag(registry, digest)
    found = []
    for entry in entries:
        if entry.get("artifactType") != kind:
            continue
        parts = json.loads(registry.need_manifest(str(entry["digest"])).content)
        if parts.get("subject", {}).get("digest") != digest:
            raise RegistryError("what lies beside the image is about another", code="DIGEST_MISMATCH", where=digest)
        found += [registry.blob(layer["digest"]) for layer in parts["layers"]]
    return found


def fallback_tag(digest: str) -> str:
    """Return the tag that names what is kept beside an image."""
    return digest.replace(":", "-")


def _by_tag(registry: Registry, digest: str) -> list[dict[str, Any]]:
    index = registry.manifest(fallback_tag(digest))
    return list(json.loads(index.content).get("manifests", [])) if index is not None else []


def _name_by_tag(registry: Registry, digest: str, entry: dict[str, Any]) -> None:
    entries = [each for each in _by_tag(registry, digest) if each["digest"] != entry["digest"]]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, entry]}
    registry.put_manifest(fallback_tag(digest), json.dumps(index, separators=(",", ":")).encode(), INDEX)

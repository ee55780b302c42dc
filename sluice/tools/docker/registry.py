"""A container registry by its own API (OCI distribution): manifests, indexes and blobs, held against their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from sluice.tools.docker.registry_session import RegistryError, RegistrySession

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = (INDEX, DOCKER_INDEX)
READABLE = ", ".join((MANIFEST, INDEX, "application/vnd.docker.distribution.manifest.v2+json", DOCKER_INDEX))
CHUNK = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """A manifest or index as the registry gave it; `digest` is taken from the bytes."""

    content: bytes
    media_type: str
    digest: str


def digest_of(data: bytes) -> str:
    """Return `sha256:…` of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Registry(RegistrySession):
    """One repository of one registry."""

    def manifest(self, reference: str) -> Manifest | None:
        """Return what a tag or digest names; None when it names nothing.

        Raises:
            RegistryError: what came under a digest has another.
        """
        answer = self._send("GET", f"/manifests/{reference}", headers={"Accept": READABLE}, missing=True)
        if answer is None:
            return None
        digest = digest_of(answer.content)
        if reference.startswith("sha256:") and reference != digest:
            raise RegistryError(
                "the registry gives other bytes than their digest says",
                code="DIGEST_MISMATCH",
                where=f"{self.repository}@{reference}",
                found=digest,
            )
        return Manifest(answer.content, answer.headers.get("Content-Type", ""), digest)

    def need_manifest(self, reference: str) -> Manifest:
        """Return what a tag or digest names.

        Raises:
            RegistryError: it names nothing (`IMAGE_GONE`), or what came under a digest has another.
        """
        found = self.manifest(reference)
        if found is None:
            raise RegistryError(
                "the registry has no such image",
                code="IMAGE_GONE",
                where=f"{self.repository}@{reference}",
                next_step="Build again: `sluice run --fresh`.",
            )
        return found

    def referrers(self, digest: str) -> list[dict[str, Any]] | None:
        """Return what is kept beside an image; None where the registry cannot say (OCI distribution before 1.1)."""
        answer = self._send("GET", f"/referrers/{digest}", headers={"Accept": INDEX}, missing=True)
        if answer is None or INDEX not in answer.headers.get("Content-Type", ""):
            return None
        return list(answer.json().get("manifests") or [])

    def put_manifest(self, reference: str, content: bytes, media_type: str) -> str:
        """Store a manifest or index under a tag or its digest; return the digest that the registry says it has."""
        answer = self._send("PUT", f"/manifests/{reference}", content=content, headers={"Content-Type": media_type})
        assert answer is not None
        return str(answer.headers.get("Docker-Content-Digest", ""))

    def has_blob(self, digest: str) -> bool:
        """Tell whether the registry has a blob in this repository."""
        return self._send("HEAD", f"/blobs/{digest}", missing=True) is not None

    def blob(self, digest: str) -> bytes:
        """Return a blob, held against its digest.

        Raises:
            RegistryError: it is not there, or it is not what its digest says.
        """
        answer = self._send("GET", f"/blobs/{digest}", missing=True)
        if answer is None or digest_of(answer.content) != digest:
            problem = "has no such blob" if answer is None else "gives other bytes than their digest says"
            raise RegistryError(
                f"the registry {problem}", code="DIGEST_MISMATCH", where=f"{self.repository}@{digest}", next_step=""
            )
        return answer.content

    def put_blob(self, digest: str, source: bytes | Path) -> None:
        """Store a blob, unless it is there already; a large one is sent as a stream."""
        if self.has_blob(digest):
            return

        def attempt() -> httpx.Response:
            """Begin an upload and send it whole: half of one is of no use to another attempt."""
            begun = self.ask("POST", "/blobs/uploads/")
            if begun.status_code != 202:
                return begun
            place = httpx.URL(urljoin(self.base, begun.headers["Location"])).copy_merge_params({"digest": digest})
            body = source if isinstance(source, bytes) else _chunks(source)
            length = len(source) if isinstance(source, bytes) else source.stat().st_size
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
            return self.ask("PUT", str(place), content=body, headers=headers)

        self.retried(attempt, f"push of {digest[:19]}")

    def _send(self, method: str, path: str, *, missing: bool = False, **more: Any) -> httpx.Response | None:
        answer = self.retried(lambda: self.ask(method, path, **more), f"{method} {path}", missing=missing)
        return None if answer.status_code == 404 else answer


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk

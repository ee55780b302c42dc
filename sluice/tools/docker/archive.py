"""An image out of the engine (`docker save`): its configuration and layers, packed as a registry keeps them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import posixpath
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from docker import DockerClient

from sluice import masks
from sluice.errors import InfrastructureError
from sluice.releases.inspect import LOOK_BYTES, problem_of
from sluice.tools.docker.registry import CONFIG, LAYER, MANIFEST, digest_of

CHUNK = 1 << 20
GZIP = b"\x1f\x8b"
LEVEL = 4  # of gzip: twice as quick as 6, 3 % larger
# Files of other people's packages: a test key in one is theirs, and is in no context of ours.
FOREIGN = ("site-packages", "dist-packages", "node_modules", "share", "ssl")


class ImageUnreadableError(InfrastructureError):
    """What the engine gives out is not the image that it built."""

    code = "IMAGE_UNREADABLE"


@dataclass(frozen=True)
class Blob:
    """A layer as it is pushed."""

    diff_id: str
    digest: str
    size: int
    path: Path


@dataclass(frozen=True)
class Packed:
    """An image ready to be pushed."""

    config: bytes
    blobs: tuple[Blob, ...]

    @property
    def manifest(self) -> bytes:
        """The manifest: the same bytes for the same image."""
        data = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest_of(self.config), "size": len(self.config)},
            "layers": [{"mediaType": LAYER, "digest": blob.digest, "size": blob.size} for blob in self.blobs],
        }
        return json.dumps(data, separators=(",", ":")).encode()

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration, parsed."""
        return dict(json.loads(self.config))


@contextmanager
def saved(client: DockerClient, image_id: str, scratch: Path) -> Iterator[Saved]:
    """Write an image of the engine to a file and open it; the file is gone at the end."""
    target = scratch / f"{image_id.removeprefix('sha256:')}.tar"
    try:
        with target.open("wb") as file:
            for chunk in client.images.get(image_id).save(chunk_size=CHUNK):
                file.write(chunk)
        with tarfile.open(target) as tar:
            yield Saved(tar, image_id)
    finally:
        target.unlink(missing_ok=True)


class Saved:
    """The opened archive of one image."""

    def __init__(self, tar: tarfile.TarFile, image_id: str) -> None:
        self._tar = tar
        described = json.loads(self._read("manifest.json"))[0]
        self.config = self._read(described["Config"])
        if digest_of(self.config) != image_id:
            raise ImageUnreadableError("the engine gave out another image", found=digest_of(self.config))
        self.diff_ids: list[str] = json.loads(self.config)["rootfs"]["diff_ids"]
        self._layers = [self._resolve(name) for name in described["Layers"]]
        if len(self._layers) != len(self.diff_ids):
            raise ImageUnreadableError("the engine gave out another number of layers", found=len(self._layers))

    def pack(self, scratch: Path) -> Packed:
        """Compress the layers into `scratch`, the same bytes each time."""
        return Packed(self.config, tuple(self._pack(number, scratch) for number in range(len(self._layers))))

    def secrets(self, below: int) -> tuple[int, tuple[str, ...]]:
        """Look into the layers above the first `below`, which are the base's: files looked at, and what must not be."""
        count, found = 0, []
        for number in range(below, len(self._layers)):
            with self._open(number) as file, tarfile.open(fileobj=file, mode="r|*") as layer:
                for entry in layer:
                    inner = layer.extractfile(entry) if entry.isreg() else None
                    if inner is None:
                        continue
                    count += 1
                    foreign = not set(entry.name.split("/")).isdisjoint(FOREIGN)
                    problem = "" if foreign else problem_of(entry.name, inner.read(LOOK_BYTES))
                    if problem:
                        found.append(f"layer {number + 1} {entry.name}: {problem}")
        return count, tuple(found)

    def holds(self, value: str, below: int) -> str:
        """Return where a secret lies: in the configuration, or whole files of layers above the base; empty: nowhere."""
        needles = [form.encode("utf-8", "surrogatepass") for form in masks.forms(value)]
        if _first(io.BytesIO(self.config), needles):
            return "history or configuration"
        for number in range(below, len(self._layers)):
            with self._open(number) as file, tarfile.open(fileobj=file, mode="r|*") as layer:
                for entry in layer:
                    inner = layer.extractfile(entry) if entry.isreg() else None
                    if inner is not None and _first(inner, needles):
                        return f"layer {number + 1} {entry.name}"
        return ""

    def _pack(self, number: int, scratch: Path) -> Blob:
        target = scratch / f"layer-{number}-{self.diff_ids[number].removeprefix('sha256:')}.tar.gz"
        with self._open(number) as source:
            packed_already = source.read(2) == GZIP
            source.seek(0)
            with target.open("wb") as out:
                if packed_already:
                    _copy(source, out)
                else:
                    with gzip.GzipFile("", "wb", LEVEL, out, mtime=0) as compressed:
                        _copy(source, compressed)
        with target.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        return Blob(self.diff_ids[number], digest, target.stat().st_size, target)

    @contextmanager
    def _open(self, number: int) -> Iterator[IO[bytes]]:
        file = self._tar.extractfile(self._layers[number])
        if file is None:
            raise ImageUnreadableError("a layer is no file", where=self._layers[number].name)
        with file:
            yield file

    def _read(self, name: str) -> bytes:
        file = self._tar.extractfile(self._resolve(name))
        if file is None:
            raise ImageUnreadableError("the engine gave out no whole image", where=name)
        with file:
            return file.read()

    def _resolve(self, name: str) -> tarfile.TarInfo:
        """Return a member; the second of two equal layers is a link to the first."""
        try:
            member = self._tar.getmember(name)
            if member.issym():
                member = self._tar.getmember(
                    posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
                )
        except KeyError as error:
            raise ImageUnreadableError("the engine gave out no whole image", where=name) from error
        return member


def _first(file: IO[bytes], needles: Sequence[bytes]) -> bytes:
    """Return the first of `needles` that a file has, wherever its chunks are cut; empty: none."""
    before = b""
    while chunk := file.read(CHUNK):
        text = before + chunk
        if found := next((each for each in needles if each in text), b""):
            return found
        before = text[1 - max(map(len, needles)) :]
    return b""


def _copy(source: IO[bytes], target: Any) -> None:
    while chunk := source.read(CHUNK):
        target.write(chunk)

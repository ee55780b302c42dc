"""The artifact store: files named by the SHA-256 of what they hold."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import unicodedata
from pathlib import Path

from sluice.errors import InfrastructureError, SluiceError
from sluice.records.common import ArtifactRef
from sluice.used import touch

CHUNK = 1 << 20
NAME_BYTES = 200  # with room for what a file system or an archive puts in front
_FORBIDDEN = set('/\\:*?"<>|')
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(1, 10))}


class ArtifactNameError(SluiceError):
    """A name that a file cannot have everywhere, or that would deceive who reads it."""

    code = "ARTIFACT_NAME"
    next_step = "Give it a plain name, without folders and signs that cannot be seen."


class ArtifactExistsError(SluiceError):
    """One stage calls two different files the same."""

    code = "ARTIFACT_EXISTS"
    next_step = "This is a bug in Sluice; please report it."


class ArtifactCorruptError(InfrastructureError):
    """A stored file is not what its name says."""

    code = "ARTIFACT_CORRUPT"
    next_step = "The file was changed on disk; run the stage again (`sluice run --fresh`)."


def checked_name(name: str) -> str:
    """Return the name if every system can hold it and it shows what it is.

    Raises:
        ArtifactNameError: empty, too long, a path, a device of Windows, or with signs that cannot be seen.
    """
    hidden = any(unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") for sign in name)
    size = len(name.encode("utf-8", "surrogatepass"))
    wrong = (
        (not name or name in (".", ".."), "a name"),
        (size > NAME_BYTES, f"at most {NAME_BYTES} bytes"),
        (hidden, "signs that can be seen"),
        (bool(_FORBIDDEN & set(name)) or name[-1:] in (" ", "."), "a name and not a path"),
        (name.partition(".")[0].rstrip().upper() in _DEVICES, "no name of a device"),
    )
    for is_wrong, allowed in wrong:
        if is_wrong:
            raise ArtifactNameError("an artifact cannot be called so", found=ascii(name), allowed=allowed)
    return name


def sha256_file(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ArtifactStore:
    """Content-addressed files below one directory; writes are atomic, equal content is stored once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, sha256: str) -> Path:
        """Return where the content with this digest lies (whether or not it is there)."""
        return self.root / sha256[:2] / sha256

    def put_file(self, source: Path, name: str, media_type: str = "application/octet-stream") -> ArtifactRef:
        """Copy a file into the store; no half file is ever visible under its digest.

        Raises:
            ArtifactNameError: the name could not be a file's everywhere.
            InfrastructureError: `DISK_FULL` when the store's disk has no room.
        """
        checked_name(name)
        digest = sha256_file(source)
        target = self.path(digest)
        # One that was cut by a crash is put right.
        if target.exists() and target.stat().st_size == source.stat().st_size:
            touch(target)
        else:
            self._place(source, target)
        return ArtifactRef(name=name, sha256=digest, size=target.stat().st_size, media_type=media_type)

    def put_bytes(self, data: bytes, name: str, media_type: str = "application/octet-stream") -> ArtifactRef:
        """Store bytes under their digest."""
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.root, prefix=".new-") as file:
            file.write(data)
            file.flush()
            return self.put_file(Path(file.name), name, media_type)

    def read(self, ref: ArtifactRef) -> bytes:
        """Return the content, checked against its digest.

        Raises:
            ArtifactCorruptError: missing, or its bytes have another digest.
        """
        data = self.open_path(ref).read_bytes()
        found = hashlib.sha256(data).hexdigest()
        if found != ref.sha256:
            raise ArtifactCorruptError(f"artifact {ref.name} has other bytes", found=found, allowed=ref.sha256)
        return data

    def open_path(self, ref: ArtifactRef) -> Path:
        """Return the path of a stored file; ArtifactCorruptError when it is gone."""
        path = self.path(ref.sha256)
        if not path.is_file():
            raise ArtifactCorruptError(f"artifact {ref.name} is gone", code="ARTIFACT_GONE", found=path)
        return path

    def _place(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as out, source.open("rb") as file:
                shutil.copyfileobj(file, out, CHUNK)
                out.flush()
                os.fsync(out.fileno())
            Path(name).chmod(0o444)
            Path(name).replace(target)
        except OSError as error:
            raise InfrastructureError(
                f"artifact store cannot take {source.name}: {error.strerror}",
                code="DISK_FULL" if error.errno == 28 else "ARTIFACT_STORE",
                where=str(self.root),
                next_step="Free space, or move the state with SLUICE_HOME, then run again.",
            ) from error
        finally:
            Path(name).unlink(missing_ok=True)

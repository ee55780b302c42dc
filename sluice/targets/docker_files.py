"""Files on their way into a container and out of it: the engine takes and gives archives."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of files that everybody in the container may read."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o444
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def unpacked(stream: Iterable[bytes]) -> dict[str, bytes]:
    """Return the regular files of an archive, by their last names."""
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            if file is not None:
                found[member.name.rpartition("/")[2]] = file.read()
    return found

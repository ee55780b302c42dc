"""Pictures that tests attached, small enough to stand in a page: as `data:` addresses, by what their bytes say."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from sluice.artifacts import ArtifactCorruptError, ArtifactStore
from sluice.records.common import ArtifactRef
from sluice.results.media import picture_type

PICTURE_BYTES = 256 << 10
ALL_BYTES = 2 << 20


def pictures(files: Iterable[ArtifactRef], store: ArtifactStore) -> dict[str, str]:
    """Return SHA-256 → address of the small pictures among the files that are there and unharmed."""
    found: dict[str, str] = {}
    left = ALL_BYTES
    for ref in files:
        if ref.sha256 in found or not ref.media_type.startswith("image/") or ref.size > min(PICTURE_BYTES, left):
            continue
        try:
            data = store.read(ref)
        except ArtifactCorruptError:
            continue
        kind = picture_type(data[:16])
        if kind:
            left -= len(data)
            found[ref.sha256] = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return found

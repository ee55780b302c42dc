"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

_STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def picture_type(start: bytes) -> str:
    """Return the media type that a file's first 16 bytes show; "" for what no page shows without a risk (SVG too)."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for sign, kind in _STARTS.items() if start.startswith(sign)), "")

"""Wheels that cannot be read, each in a way of its own: what Python raises for them has six names."""

from __future__ import annotations

import io
import zipfile

METADATA = "greeter-1.dist-info/METADATA"
HEADER = 30  # bytes of an entry before its name


def _wheel(compression: int) -> bytearray:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as box:
        box.writestr(METADATA, "Name: greeter\nVersion: 1\n\n" + "Greets whoever asks. " * 1000)
    return bytearray(buffer.getvalue())


def _damaged(compression: int) -> bytes:
    data, begin = _wheel(compression), HEADER + len(METADATA) + 10
    data[begin : begin + 20] = b"\xff" * 20
    return bytes(data)


def _described(place: int, value: int) -> bytes:
    """Return a wheel whose entry says something else of itself, in both of its headers."""
    data = _wheel(zipfile.ZIP_DEFLATED)
    for signature, at in ((b"PK\x03\x04", place), (b"PK\x01\x02", place + 2)):
        data[data.index(signature) + at] = value
    return bytes(data)


BROKEN = {
    "damaged": _damaged(zipfile.ZIP_DEFLATED),
    "damaged bzip2": _damaged(zipfile.ZIP_BZIP2),
    "damaged lzma": _damaged(zipfile.ZIP_LZMA),
    "encrypted": _described(6, 1),
    "packed in an unknown way": _described(8, 99),
    "cut": bytes(_wheel(zipfile.ZIP_DEFLATED)[:-30]),
}
WHOLE = bytes(_wheel(zipfile.ZIP_DEFLATED))

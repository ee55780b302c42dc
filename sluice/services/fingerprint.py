"""Which code lies here; imports next to nothing, since every command waits for it."""

import os
from _blake2 import blake2b  # `hashlib` loads all of OpenSSL

import sluice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ROOMS = ("sluice", "flows", "tasks", "blocks", "data_checks")


def fingerprint() -> str:
    """Return a digest of every source file's name, size and time of change; takes milliseconds."""
    digest, folder = blake2b(digest_size=32), top()
    for line in sorted(line for room in ROOMS for line in _sources(f"{folder}/{room}")):
        digest.update(line.encode())
    return digest.hexdigest()


def top() -> str:
    """Return the folder that holds the packages."""
    return os.path.dirname(os.path.dirname(os.path.realpath(sluice.__file__)))  # noqa: PTH120 - pathlib takes longer


def _sources(folder: str) -> "Iterator[str]":
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and entry.name != "__pycache__":
                yield from _sources(entry.path)
            elif entry.name.endswith(".py"):
                status = entry.stat()
                yield f"{entry.path}:{status.st_size}:{status.st_mtime_ns}\n"

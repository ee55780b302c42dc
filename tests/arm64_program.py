"""A program for arm64, made without a compiler, and the kernel's way to run it here (qemu by binfmt_misc)."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINFMT = Path("/proc/sys/fs/binfmt_misc")
CONFIG = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
OURS = "sluice-test-aarch64"
_BASE, _HEADERS = 0x400000, 64 + 56
_SVC = 0xD4000001


def program(path: str, text: str) -> bytes:
    """Return an ELF program for arm64 that writes `text` into the new file `path` and ends with 0."""
    name, said = path.encode() + b"\0", text.encode()
    name += bytes(-len(name) % 4)
    # openat(-100, path, O_WRONLY | O_CREAT, 0o644); write(fd, text, length); exit(0)
    before, after = [_movn(0, 99)], [_movz(2, 0x41), _movz(3, 0o644), _movz(8, 56), _SVC]
    write = [_movz(2, len(said)), _movz(8, 64), _SVC, _movz(0, 0), _movz(8, 93), _SVC]
    size = 4 * (len(before) + 1 + len(after) + 1 + len(write))
    opens = 4 * len(before)
    writes = opens + 4 * (1 + len(after))
    words = [*before, _adr(1, size - opens), *after, _adr(1, size + len(name) - writes), *write]
    body = b"".join(struct.pack("<I", word) for word in words) + name + said
    whole = _HEADERS + len(body)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    head = struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return ident + head + struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, whole, whole, 0x10000) + body


def _movz(register: int, value: int) -> int:
    return 0xD2800000 | value << 5 | register


def _movn(register: int, value: int) -> int:
    return 0x92800000 | value << 5 | register


def _adr(register: int, distance: int) -> int:
    return 0x10000000 | (distance & 3) << 29 | (distance >> 2 & 0x7FFFF) << 5 | register


@contextmanager
def emulated() -> Iterator[None]:
    """Let the kernel run programs for arm64, unless it does already; afterwards it is as it was."""
    if os.uname().machine == "aarch64" or (BINFMT / "qemu-aarch64").exists():
        yield
        return
    assert CONFIG.exists(), "the docker tier needs an emulator: apt-get install qemu-user-static (.ci/run does)"
    mounted = not (BINFMT / "register").exists()
    if mounted:
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=True)
    try:
        (line,) = [each for each in CONFIG.read_text().splitlines() if each.startswith(":")]
        _, _name, *rest = line.split(":")
        (BINFMT / "register").write_text(":".join(("", OURS, *rest)))
        try:
            yield
        finally:
            (BINFMT / OURS).write_text("-1")
    finally:
        if mounted:
            subprocess.run(["umount", BINFMT], check=True)

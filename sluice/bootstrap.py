"""Cuts the installer's own pin out of requirements.txt, so that it is installed with its hashes too."""

from __future__ import annotations

import sys
from pathlib import Path


def installer_pin(requirements: str, name: str = "uv") -> str:
    """Return the hashed requirement of `name` with its continuation lines."""
    lines = iter(requirements.splitlines())
    for line in lines:
        if line.startswith(f"{name}=="):
            block = [line]
            while block[-1].endswith("\\"):
                block.append(next(lines))
            return "\n".join(block) + "\n"
    raise SystemExit(f"{name} is not pinned")


if __name__ == "__main__":
    sys.stdout.write(installer_pin(Path(sys.argv[1]).read_text()))

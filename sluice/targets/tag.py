"""What tells the things of one home from those of another on the same machine."""

from __future__ import annotations

import hashlib

from sluice.settings import Home


def home_tag(home: Home) -> str:
    """Return eight hex digits that name a home: one kernel and one Docker engine have the things of all."""
    return hashlib.sha256(str(home.root).encode()).hexdigest()[:8]

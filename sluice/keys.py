"""Cache keys of stages: the SHA-256 of declared inputs, kept with their names so that a change can be explained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from sluice import __version__


def key_parts(inputs: Mapping[str, str]) -> dict[str, str]:
    """Return the parts of a key: the stage's inputs and the version of Sluice that reads them."""
    return {**inputs, "sluice": __version__}


def key_of(inputs: Mapping[str, str]) -> str:
    """Return the hex SHA-256 of the parts, independent of their order."""
    return digest_of(key_parts(inputs))


def digest_of(parts: Mapping[str, str]) -> str:
    """Return the hex SHA-256 of all parts of a key."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()

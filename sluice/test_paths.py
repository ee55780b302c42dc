"""Which files of a repository belong to its tests, by the names that frameworks and people use."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

FOLDERS = {"test", "tests", "spec", "specs", "__tests__", "features", "e2e"}
NAMES = re.compile(
    r"test_.*|.*_tests?\.[^.]+|conftest\.py|tests?\.py|.*\.(?:spec|test)\.[^.]+|.*\.(?:feature|robot)|.*Tests?\.\w+"
)


def is_test_path(path: str) -> bool:
    """Tell whether a file, by its path, holds tests or what tests need."""
    parts = PurePosixPath(path).parts
    return any(part in FOLDERS for part in parts[:-1]) or NAMES.fullmatch(parts[-1] if parts else "") is not None

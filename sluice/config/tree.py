"""The files of a project, as far as detection looks at them: regular, inside the tree, not too large or too many."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

FILES = 20_000  # looked at; of a larger tree the first in order of their folders
READ_LIMIT = 512 * 1024  # bytes of one file
NOT_LOOKED_AT = {
    "node_modules", "__pycache__", "venv", "env", "site-packages", "build", "dist", "vendor", "third_party",
}  # fmt: skip


class Tree:
    """A source tree at `root`; reads files and nothing else."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.truncated = False

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Relative paths with `/`, folders near the root first; hidden and generated folders are left out."""
        found: list[str] = []
        for folder, folders, names in os.walk(self.root, followlinks=False):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in NOT_LOOKED_AT)
            here = Path(folder).relative_to(self.root)
            found += [(here / name).as_posix() for name in sorted(names)]
            if len(found) >= FILES:
                self.truncated = True
                break
        return tuple(sorted(found[:FILES], key=lambda name: (name.count("/"), name)))

    def match(self, *patterns: str) -> tuple[str, ...]:
        """Return the files whose path matches one of the globs; `*` also takes slashes."""
        return tuple(name for name in self.files if any(fnmatchcase(name, pattern) for pattern in patterns))

    def named(self, *patterns: str) -> tuple[str, ...]:
        """Return the files whose last part matches one of the globs."""
        return tuple(n for n in self.files if any(fnmatchcase(n.rpartition("/")[2], pattern) for pattern in patterns))

    def has(self, name: str) -> bool:
        """Tell whether `name` is a file or folder of the tree."""
        return (self.root / name).exists()

    def read(self, name: str) -> str | None:
        """Return the beginning of a file as text; None when it is not a regular file inside the tree."""
        path = self.root / name
        try:
            target = path.resolve(strict=True)
            if not target.is_file() or not target.is_relative_to(self.root):
                return None
            with target.open("rb") as file:
                return file.read(READ_LIMIT).decode("utf-8-sig", errors="replace")
        except OSError:
            return None

    def folder_is_package(self, name: str) -> bool:
        """Tell whether a folder holds `__init__.py`."""
        return (self.root / name / "__init__.py").is_file()

"""Which lines of its files a change wrote: what coverage of the change is measured on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from sluice.records.checkout import ChangedFile
from sluice.tools.git_command import GitError, git
from sluice.tools.git_history import EMPTY_TREE

MAX_LINES = 50_000  # of a whole change: more is an import or generated, and nobody reads its coverage line by line
TEXT_LIMIT = 20_000  # characters of the ranges of one file
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_WORDS = ("diff-tree", "-r", "-p", "-U0", "-M", "-C", "--no-ext-diff", "--no-textconv", "--no-color", "--diff-filter=d")


def with_lines(files: Sequence[ChangedFile], mirror: Path, base: str | None, head: str) -> tuple[ChangedFile, ...]:
    """Return the changed files with the numbers of the lines that the change wrote into each.

    Binary and deleted files have none (None), and so has every file of a change that is too big to look at.
    """
    if not files or sum((file.additions or 0) + (file.deletions or 0) for file in files) > MAX_LINES:
        return tuple(files)
    try:
        patch = git([*_WORDS, base or EMPTY_TREE[len(head)], head], cwd=mirror).output
    except GitError as error:
        if error.code != "CHECKOUT_LIMIT":
            raise
        return tuple(files)  # few lines, each of them as long as a book
    written = parse_patch(patch, [file for file in files if file.change != "D"])
    return tuple(file.model_copy(update={"lines": written.get(file.path)}) for file in files)


def parse_patch(patch: str, files: Sequence[ChangedFile]) -> dict[str, str]:
    """Return path → ranges (`3,7-9`) of a patch without context, whose sections come in the order of `files`.

    The paths in the patch are quoted and may be hostile; the order tells which file is meant. A change of type (file to
    symlink) has two sections: what goes and what comes.
    """
    sections = iter(_sections(patch))
    written: dict[str, str] = {}
    for file in files:
        hunks = next(sections, None)
        if file.change == "T":
            hunks = next(sections, None)
        if hunks is not None and file.additions is not None:
            written[file.path] = ",".join(hunks)[:TEXT_LIMIT].rpartition(",")[0] if _long(hunks) else ",".join(hunks)
    return written


def _long(hunks: Sequence[str]) -> bool:
    return sum(map(len, hunks)) + len(hunks) > TEXT_LIMIT


def _sections(patch: str) -> Iterator[list[str]]:
    """Yield the ranges of each section. In a patch without context a line of a file begins with `+`, `-` or a space."""
    hunks: list[str] | None = None
    for line in patch.split("\n"):
        if line.startswith("diff --git "):
            if hunks is not None:
                yield hunks
            hunks = []
        elif hunks is not None and (found := _HUNK.match(line)):
            first, count = int(found[1]), int(found[2] or 1)
            if count:
                hunks.append(str(first) if count == 1 else f"{first}-{first + count - 1}")
    if hunks is not None:
        yield hunks

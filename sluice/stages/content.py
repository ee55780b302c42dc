"""Which commits are the same for the pipeline: the digest of the files that count."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from sluice.globs import matches
from sluice.records.common import SourceRef
from sluice.tools.git_command import git


def content_digest(source: SourceRef, unaffected_by: Sequence[str]) -> str:
    """Return the SHA-256 over mode, blob and path of every tracked file that no glob of `unaffected_by` matches.

    A file that is named there and does matter is the project's own lie; hence nothing is left out unless the project
    says so. Without globs: "", and the tree itself stands for the content.
    """
    if not unaffected_by:
        return ""
    digest = hashlib.sha256()
    listing = git(["ls-tree", "-r", "-z", "--full-tree", source.commit], cwd=Path(source.mirror)).output
    for entry in filter(None, listing.split("\0")):
        path = entry.split("\t", 1)[1]
        if not any(matches(path, glob) for glob in unaffected_by):
            digest.update(f"{entry}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()

"""Records of the checkout stage."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime

from sluice.records.common import Frozen, SourceRef, StageRecord
from sluice.states import StageName


class RefKind(StrEnum):
    """What the requested ref named."""

    BRANCH = "branch"
    TAG = "tag"
    COMMIT = "commit"


class ResolvedRef(Frozen):
    """A ref as it stood when the run began, read from the freshly fetched mirror."""

    repository: str
    mirror: str
    requested: str
    kind: RefKind
    name: str
    commit: str
    default_branch: str


class CheckoutRequest(Frozen):
    """What to check out. `expected_commit` is what the trigger saw; None when it saw only the ref."""

    resolved: ResolvedRef
    expected_commit: str | None = None
    base_ref: str | None = None
    submodules: bool = False
    lfs: bool = False


class ChangedFile(Frozen):
    """One file that differs from the merge base (or from the first parent on the default branch)."""

    path: str
    change: str  # A, M, D, R, C, T as git prints it
    old_path: str | None = None
    additions: int | None = None  # None: binary
    deletions: int | None = None
    lines: str | None = None  # lines that the change wrote, as in the new file: `3,7-9`; None: not known


class CheckoutRecord(StageRecord):
    """The source that later stages build on."""

    STAGE: ClassVar[StageName] = StageName.CHECKOUT

    repository: str
    requested_ref: str
    ref_kind: RefKind
    ref_name: str
    requested_commit: str
    source: SourceRef
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    authored_at: AwareDatetime
    subject: str
    body: str
    tags: tuple[str, ...]
    default_branch: str
    merge_base: str | None
    base_tree: str | None = None
    changed_files: tuple[ChangedFile, ...]
    dependency_files: tuple[str, ...]
    build_files: tuple[str, ...]
    declared_submodules: tuple[str, ...]
    missing_submodules: tuple[str, ...]
    lfs_pointers: tuple[str, ...]
    dirty_files: tuple[str, ...]
    stale_locks: tuple[str, ...] = ()
    file_count: int
    shallow: bool

    def headline(self) -> str:
        """Return ref, short commit, files and subject."""
        changed = f"{len(self.changed_files)} changed" if self.changed_files else "nothing changed"
        return f"{self.ref_name} @ {self.source.commit[:10]} · {self.file_count} files, {changed} · {self.subject}"

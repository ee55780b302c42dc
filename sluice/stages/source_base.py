"""What a commit is compared with, and what it changed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sluice.records.checkout import ChangedFile, CheckoutRequest
from sluice.tools.git_history import Commit, changed_files, merge_base, read_commit
from sluice.tools.git_lines import with_lines
from sluice.tools.git_mirror import read_refs
from sluice.tools.git_refs import HEADS, check_ref, commit_of, find, unknown


@dataclass(frozen=True)
class Comparison:
    """What changed, since which commit (None: since nothing, or nobody knows), and that commit's tree."""

    merge_base: str | None
    base_tree: str | None
    changed_files: tuple[ChangedFile, ...]
    shallow: bool


def base_commit(request: CheckoutRequest) -> str | None:
    """Return the head of the branch that the commit is compared with; None when there is no such branch.

    Raises:
        RefError: the request's own `base_ref` is not in the mirror.
    """
    mirror = Path(request.resolved.mirror)
    if request.base_ref is None:
        default = request.resolved.default_branch
        return commit_of(mirror, HEADS + default) if default else None
    refs = read_refs(mirror)
    found = find(mirror, refs, check_ref(request.base_ref))
    if found is None:
        raise unknown(request.base_ref, refs, request.resolved.repository)
    return commit_of(mirror, found[2])


def compare(request: CheckoutRequest, commit: Commit) -> Comparison:
    """Compare a commit with the merge base; on the default branch itself, with its first parent."""
    mirror = Path(request.resolved.mirror)
    shallow = (mirror / "shallow").is_file()
    head = base_commit(request)
    base = merge_base(mirror, head, commit.commit) if head else None
    on_it = base is None or (base == commit.commit and request.base_ref is None)
    if on_it and not (shallow and base is None):
        base = commit.parents[0] if commit.parents else None
    if base is None and shallow:
        return Comparison(None, None, (), shallow)  # cut off: what changed is not known
    changed = with_lines(changed_files(mirror, base, commit.commit), mirror, base, commit.commit)
    return Comparison(base, read_commit(mirror, base).tree if base else None, changed, shallow)

"""Git for the rest of Sluice: resolve a ref, make a clean workspace, prove what is in it."""

from __future__ import annotations

import os
from pathlib import Path

from sluice import command
from sluice.command import LineSink
from sluice.records.checkout import RefKind, ResolvedRef
from sluice.settings import Home
from sluice.tools.git_command import GitError, git, program, version
from sluice.tools.git_history import changed_files, is_ancestor, merge_base, read_commit, read_file
from sluice.tools.git_location import Location, RepositoryError, check_url, is_url, locate, top_level
from sluice.tools.git_mirror import RemoteRefs, fetch_commit, has_object, refresh
from sluice.tools.git_refs import HEADS, RefError, check_ref, commit_of, find, is_commit_id, unknown
from sluice.tools.git_submodules import SubmoduleError
from sluice.tools.git_workspace import WorkspaceError, dirty_files, materialise, tracked_files, workspace_tree

__all__ = [
    "GitError",
    "RefError",
    "RepositoryError",
    "SubmoduleError",
    "WorkspaceError",
    "changed_files",
    "check_ref",
    "check_url",
    "commit_of",
    "dirty_files",
    "has_object",
    "is_ancestor",
    "is_url",
    "materialise",
    "merge_base",
    "read_commit",
    "read_file",
    "resolve",
    "top_level",
    "tracked_files",
    "uncommitted",
    "version",
    "workspace_tree",
]

_USUAL_DEFAULTS = ("main", "master", "trunk", "develop")
_LOCAL_OVERRIDES = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def resolve(repository: str, ref: str, home: Home, *, log: LineSink | None) -> ResolvedRef:
    """Bring the repository's mirror up to date and return the commit that `ref` means there now.

    Args:
        repository: any directory inside a local repository, or an https or ssh URL.
        ref: branch, tag, commit id (four digits or more), refs/heads/…, refs/tags/…, or HEAD.

    Raises:
        RefError: `REF_INVALID`, `REF_UNKNOWN`, `REF_AMBIGUOUS`, `REF_NOT_A_COMMIT`.
        RepositoryError: `NOT_A_REPOSITORY`, `REPOSITORY_EMPTY`, `REPOSITORY_INVALID` …
        TransientError: the network failed.
    """
    check_ref(ref)
    location = locate(repository)
    mirror, remote = refresh(location, home.mirrors, log)
    kind, name, target = _find(location, mirror, remote, ref, log)
    commit = commit_of(mirror, target)
    if commit is None and not has_object(mirror, remote.refs.get(target, target)):  # a power cut may leave such
        mirror, remote = refresh(location, home.mirrors, log, anew=True)
        commit = commit_of(mirror, target)
    if commit is None:
        raise RefError("the tag does not point at a commit", code="REF_NOT_A_COMMIT", found=ref)
    return ResolvedRef(
        repository=location.url,
        mirror=str(mirror),
        requested=ref,
        kind=kind,
        name=name,
        commit=commit,
        default_branch=_default_branch(location, remote),
    )


def _find(
    location: Location, mirror: Path, remote: RemoteRefs, ref: str, log: LineSink | None
) -> tuple[RefKind, str, str]:
    wanted = ref
    if ref == "HEAD" and remote.head_branch is not None:
        wanted = HEADS + remote.head_branch
    elif ref == "HEAD" and remote.head_commit is not None:
        wanted = remote.head_commit
    found = find(mirror, remote.refs, wanted)
    if found is None and is_commit_id(wanted.lower()):
        wanted = wanted.lower()
        fetched = fetch_commit(location, mirror, wanted, log)
        found = (RefKind.COMMIT, wanted, wanted) if fetched else None
    if found is None:
        raise unknown(ref if ref != "HEAD" else wanted, remote.refs, location.url)
    return found


def _default_branch(location: Location, remote: RemoteRefs) -> str:
    """Return the branch that others are compared with; a working copy's HEAD is only whatever is checked out there."""
    branches = [name.removeprefix(HEADS) for name in remote.refs if name.startswith(HEADS)]
    if location.local and not location.bare:
        words = ["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"]
        origin = git(words, cwd=Path(location.url), accept=None).output.strip().removeprefix("origin/")
        for name in (origin, *_USUAL_DEFAULTS):
            if name in branches:
                return name
    return remote.head_branch or next(iter(branches), "")


def uncommitted(repository: str) -> int:
    """Return how many files of a local repository differ from its commit or are not in it; they are in no run.

    The repository is read with the user's own git configuration, for it is theirs; a URL has none, nor a bare one.
    """
    if is_url(repository):
        return 0
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # a hook's GIT_DIR
    variables = {**ours, "GIT_OPTIONAL_LOCKS": "0"}
    words = [str(program()), *_LOCAL_OVERRIDES, "status", "--porcelain=v1", "-z", "--no-renames"]
    done = command.run(words, cwd=Path(repository), env=variables, accept=None, timeout=60.0)
    return sum(1 for part in done.output.split("\0") if part) if done.exit_code == 0 else 0

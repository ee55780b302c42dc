"""The checkout stage: the accepted commit in a clean workspace, and what it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sluice.disk import needs_room
from sluice.records.checkout import CheckoutRecord, CheckoutRequest
from sluice.records.common import SourceRef, StageContext
from sluice.stages.source_base import base_commit, compare
from sluice.stages.source_files import build_files, dependency_files, refuse_too_much
from sluice.stages.source_locks import stale_locks
from sluice.stages.workplace import Workplace, now
from sluice.tools import git
from sluice.tools.git_command import version
from sluice.tools.git_history import Commit, Entry, list_tree, read_commit, tags_at
from sluice.tools.git_lfs import lfs_pointers
from sluice.tools.git_submodules import missing_submodules, read_submodules
from sluice.tools.meter import Meter, metered

RULES = "3"  # raise it when a checkout of the same inputs would give another record


def inputs(request: CheckoutRequest, _context: StageContext | None = None) -> dict[str, str]:
    """Return what decides the record, name to value: the commit, its name, and what it is compared with."""
    resolved = request.resolved
    mirror = Path(resolved.mirror)
    tags = "\n".join(tags_at(mirror, resolved.commit))
    return {
        "repository": resolved.repository,
        "ref": f"{resolved.kind} {resolved.name}",
        "requested": resolved.requested,
        "commit": resolved.commit,
        "expected": request.expected_commit or "",
        "default branch": resolved.default_branch,
        "base": f"{request.base_ref or ''} {base_commit(request) or ''}".strip(),
        "tags": hashlib.sha256(tags.encode()).hexdigest(),
        "submodules": str(request.submodules),
        "lfs": str(request.lfs),
        "rules": RULES,
    }


def checkout(request: CheckoutRequest, place: Workplace) -> CheckoutRecord:
    """Check out the resolved commit, whatever its branch points at by now, and say what is there.

    Raises:
        CheckoutLimitError: too many files or bytes; nothing was written then.
        RefError: `base_ref` names nothing.
        GitError, WorkspaceError, RepositoryError: see :func:`sluice.tools.git.materialise`.
    """
    started = now()
    with needs_room(place.workspace), metered() as meter:
        mirror = Path(request.resolved.mirror)
        commit = read_commit(mirror, request.resolved.commit)
        entries = list_tree(mirror, commit.commit)
        refuse_too_much(entries)
        source = SourceRef(
            mirror=str(mirror),
            commit=commit.commit,
            tree=commit.tree,
            committed_at=commit.committed_at,
            submodules=request.submodules,
            lfs=request.lfs,
        )
        git.materialise(source, place.workspace, log=place.log)
        return _record(request, place, commit, entries, source, meter, started)


def _record(
    request: CheckoutRequest,
    place: Workplace,
    commit: Commit,
    entries: list[Entry],
    source: SourceRef,
    meter: Meter,
    started: datetime,
) -> CheckoutRecord:
    mirror = Path(source.mirror)
    modules = read_submodules(mirror, commit.commit)
    compared = compare(request, commit)
    paths = [entry.path for entry in entries]
    found = {
        "tags": tags_at(mirror, commit.commit),
        "merge_base": compared.merge_base,
        "base_tree": compared.base_tree,
        "changed_files": compared.changed_files,
        "shallow": compared.shallow,
        "dependency_files": dependency_files(paths),
        "build_files": build_files(paths),
        "declared_submodules": tuple(module.path for module in modules),
        "missing_submodules": missing_submodules(modules, place.workspace),
        "lfs_pointers": lfs_pointers(place.workspace, entries),
        "dirty_files": git.dirty_files(place.workspace),
        "stale_locks": stale_locks(compared.changed_files, paths, _texts(mirror, compared.merge_base, commit.commit)),
        "file_count": len(entries),
        "inputs": inputs(request),
    }
    tools = meter.uses(git=version(place.home.cache))
    stage = {"run_id": place.context.run_id, "started_at": started, "passed": True, "source": source, "tools": tools}
    told = {**stage, **_asked(request), **_words(commit), **found}
    return CheckoutRecord.model_validate({**told, "ended_at": now()})


def _texts(mirror: Path, base: str | None, head: str) -> Callable[[str], tuple[str | None, str | None]]:
    return lambda path: (git.read_file(mirror, base, path) if base else None, git.read_file(mirror, head, path))


def _asked(request: CheckoutRequest) -> dict[str, object]:
    resolved = request.resolved
    return {
        "repository": resolved.repository,
        "requested_ref": resolved.requested,
        "ref_kind": resolved.kind,
        "ref_name": resolved.name,
        "requested_commit": request.expected_commit or resolved.commit,
        "default_branch": resolved.default_branch,
    }


def _words(commit: Commit) -> dict[str, object]:
    names = ("parents", "author_name", "author_email", "authored_at", "subject", "body")
    return {name: getattr(commit, name) for name in names}

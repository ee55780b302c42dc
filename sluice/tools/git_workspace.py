"""Clean workspaces: made from the mirror at one commit, and what is really in them."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluice.command import LineSink
from sluice.errors import InfrastructureError
from sluice.records.common import SourceRef
from sluice.tools.git_command import GitError, environment, fields, git, text
from sluice.tools.git_lfs import fetch_lfs
from sluice.tools.git_submodules import add_submodules

LOCAL = environment("file")
_BROKEN = re.compile(
    r"corrupt|bad object|unable to read|missing (?:blob|tree)|is empty|inflate|not a valid object|"
    r"does not match index|nonexistent object",
    re.I,
)


class WorkspaceError(InfrastructureError):
    """The workspace is not the commit that it should be."""

    code = "WORKSPACE_WRONG"


def materialise(source: SourceRef, destination: Path, *, log: LineSink | None) -> None:
    """Make `destination` a clean checkout of the source; whatever is there is removed first.

    It is a repository of its own, detached at the commit, with all tags, so that tools that ask git for a version
    work; its objects are borrowed from the mirror. No hook and no filter of the repository runs.

    Raises:
        WorkspaceError: the mirror is gone, or HEAD or its tree is not the source's.
        RepositoryError: `SUBMODULE_REFUSED`.
        ToolMissingError: git-lfs is declared and not here.
    """
    mirror = Path(source.mirror)
    if not mirror.is_dir():
        raise WorkspaceError("the mirror of the repository is gone", code="MIRROR_GONE", found=mirror)
    shutil.rmtree(destination, ignore_errors=True)
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        check_out(mirror, source.commit, destination, log)
        _verify(source, destination)
        if source.lfs:
            fetch_lfs(mirror, destination, log)
        if source.submodules:
            add_submodules(mirror, source.commit, destination, check_out, log)
    except BaseException:
        shutil.rmtree(destination, ignore_errors=True)
        raise


def check_out(mirror: Path, commit: str, destination: Path, log: LineSink | None) -> None:
    """Clone a mirror without copying its objects, and check out one commit of it."""
    words = ["clone", "--quiet", "--shared", "--no-checkout", "--template=", "--", str(mirror), str(destination)]
    try:
        git(words, cwd=mirror, env=LOCAL, log=log)
        git(["checkout", "--quiet", "--detach", commit], cwd=destination, env=LOCAL, log=log)
    except GitError as error:
        if not _BROKEN.search(error.next_step):
            raise
        raise WorkspaceError(
            "the mirror of the repository is broken",
            code="MIRROR_BROKEN",
            where=str(mirror),
            next_step=f"Remove {mirror}; the next run fetches it again. {error.next_step}",
        ) from error


def _verify(source: SourceRef, destination: Path) -> None:
    found = text(["rev-parse", "HEAD", "HEAD^{tree}"], cwd=destination).split()
    if found != [source.commit, source.tree]:
        raise WorkspaceError(
            "the checkout is not the source", found=" ".join(found), allowed=f"{source.commit} {source.tree}"
        )


def workspace_tree(workspace: Path) -> str:
    """Return the git tree hash of the tracked files as they are on disk now; files that are not tracked do not count.

    A submodule counts as the commit that it is at, and with `-dirty` behind its tree when its files are others.
    """
    with _fresh_index(workspace) as index:
        git(["add", "--update", "--", "."], cwd=workspace, env=index)
        tree = text_with(["write-tree"], workspace, index)
        links = git(["ls-files", "-z", "--stage"], cwd=workspace, env=index).output.split("\0")
    modules = [line.split("\t", 1)[1] for line in links if line.startswith("160000 ")]
    changed = [path for path in modules if _has_repository(workspace / path) and not _intact(workspace / path)]
    return f"{tree}-dirty" if changed else tree


def _has_repository(folder: Path) -> bool:
    return (folder / ".git").exists()


def _intact(module: Path) -> bool:
    return workspace_tree(module) == text(["rev-parse", "HEAD^{tree}"], cwd=module)


def text_with(words: list[str], cwd: Path, env: dict[str, str]) -> str:
    """Return what git prints with more variables in its environment."""
    return git(words, cwd=cwd, env=env).output.strip()


def dirty_files(workspace: Path) -> tuple[str, ...]:
    """Return paths that differ from HEAD or are not in it, ignored ones included; contents are compared, not times."""
    with _fresh_index(workspace) as index:
        words = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignored=matching", "--no-renames"]
        output = git([*words, "--ignore-submodules=none"], cwd=workspace, env=index).output
    return tuple(sorted(part[3:] for part in output.split("\0") if part))


@contextmanager
def _fresh_index(workspace: Path) -> Iterator[dict[str, str]]:
    """Give an index of HEAD without file times: whoever uses it must read every file."""
    with tempfile.TemporaryDirectory(prefix="sluice-index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git(["read-tree", "HEAD"], cwd=workspace, env=index)
        yield index


def tracked_files(workspace: Path) -> list[tuple[str, str]]:
    """Return mode and path of every tracked file, submodules' files included, sorted by path."""
    found = []
    for line in fields(["ls-files", "-z", "--stage"], cwd=workspace):
        facts, path = line.split("\t", 1)
        mode = facts.split()[0]
        if mode != "160000":
            found.append((mode, path))
        elif _has_repository(workspace / path):
            found += [(inner, f"{path}/{name}") for inner, name in tracked_files(workspace / path)]
    return sorted(found, key=lambda pair: pair[1])

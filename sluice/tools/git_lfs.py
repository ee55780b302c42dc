"""Git LFS: which files are still pointers, and fetching what they point at."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from sluice.command import LineSink
from sluice.tools import git_credentials, programs
from sluice.tools.git_command import environment, git
from sluice.tools.git_history import Entry
from sluice.tools.git_location import locate

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-\d[^\n]*\n)*oid sha256:[0-9a-f]{64}\nsize \d+\n?"
)
_POINTER_BYTES = 1024
FETCH_SECONDS = 1800.0


def lfs_pointers(workspace: Path, entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the files that .gitattributes gives to LFS and that are still pointers on disk."""
    if not any(entry.path.rpartition("/")[2] == ".gitattributes" for entry in entries):
        return ()
    small = [entry.path for entry in entries if entry.mode.startswith("100") and 100 < entry.size <= _POINTER_BYTES]
    found = [path for path in small if _is_pointer(workspace / path)]
    if not found:
        return ()
    words = ["check-attr", "-z", "--stdin", "filter"]
    parts = git(words, cwd=workspace, stdin="\0".join(found) + "\0").output.split("\0")
    triples = zip(parts[0::3], parts[1::3], parts[2::3], strict=False)
    return tuple(path for path, _attribute, value in triples if value == "lfs")


def _is_pointer(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return _POINTER.fullmatch(file.read(_POINTER_BYTES + 1)) is not None


def fetch_lfs(mirror: Path, workspace: Path, log: LineSink | None) -> None:
    """Put the content of LFS files into a workspace.

    Raises:
        ToolMissingError: git-lfs is not on this machine.
        GitError: a file cannot be had.
    """
    lfs = programs.find("git-lfs")
    variables = environment("file:https:ssh")
    variables["PATH"] = f"{lfs.parent}:{variables['PATH']}"
    url = git(["config", "--get", "sluice.url"], cwd=mirror).output.strip()
    for key, value in (
        ("filter.lfs.clean", f"{shlex.quote(str(lfs))} clean -- %f"),  # so that git can tell content from a change
        ("filter.lfs.smudge", f"{shlex.quote(str(lfs))} smudge --skip -- %f"),
        ("filter.lfs.required", "true"),
        ("lfs.repositoryformatversion", "0"),
        ("remote.origin.url", url),
    ):
        git(["config", key, value], cwd=workspace)
    variables |= git_credentials.find(locate(url))
    git(["lfs", "pull"], cwd=workspace, env=variables, log=log, timeout=FETCH_SECONDS)

"""Which branch is checked out, and which is the default one, read from `.git` without starting git."""

from __future__ import annotations

from pathlib import Path

_HEADS, _ORIGIN = "refs/heads/", "refs/remotes/origin/"


def current_branch(directory: Path) -> str | None:
    """Return the branch that is checked out in `directory` or above it; None when detached or not a repository."""
    git = _git_directory(directory)
    target = _symbolic(git / "HEAD") if git else None
    return target.removeprefix(_HEADS) if target and target.startswith(_HEADS) else None


def default_branch(directory: Path) -> str:
    """Return the remote's default branch; else `main` or `master` when it is there; else the current one."""
    git = _common(_git_directory(directory))
    if git is None:
        return "main"
    target = _symbolic(git / _ORIGIN / "HEAD")
    if target and target.startswith(_ORIGIN):
        return target.removeprefix(_ORIGIN)
    known = _branches(git)
    named = next((name for name in ("main", "master") if name in known), None)
    return named or current_branch(directory) or "main"


def _git_directory(directory: Path) -> Path | None:
    here = directory.resolve()
    for folder in (here, *here.parents):
        git = folder / ".git"
        if git.is_dir():
            return git
        if git.is_file():  # a worktree or a submodule: `gitdir: path`
            named = _text(git).removeprefix("gitdir:").strip()
            return (folder / named).resolve() if named else None
    return None


def _common(git: Path | None) -> Path | None:
    """Return the directory that worktrees share."""
    shared = _text(git / "commondir").strip() if git else ""
    return (git / shared).resolve() if git and shared else git


def _symbolic(path: Path) -> str | None:
    text = _text(path)
    return text.removeprefix("ref:").strip() if text.startswith("ref:") else None


def _branches(git: Path) -> set[str]:
    loose = {path.relative_to(git / _HEADS).as_posix() for path in (git / _HEADS).rglob("*") if path.is_file()}
    packed = {line.split()[-1] for line in _text(git / "packed-refs").splitlines() if _HEADS in line}
    return loose | {name.removeprefix(_HEADS) for name in packed}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

"""What git knows of a commit: who, when, what changed since where, and which files it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sluice.records.checkout import ChangedFile
from sluice.tools.git_command import fields, git, text

EMPTY_TREE = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
_FORMAT = "%x00".join(("%H", "%T", "%P", "%an", "%ae", "%at", "%ct", "%s", "%b"))


@dataclass(frozen=True)
class Commit:
    """A commit's own words. Bytes that are no UTF-8 (old author names) become U+FFFD."""

    commit: str
    tree: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    authored_at: datetime
    committed_at: datetime
    subject: str
    body: str


@dataclass(frozen=True)
class Entry:
    """One file of a tree: mode as git has it (100644, 100755, 120000 symlink, 160000 submodule), bytes, path."""

    mode: str
    size: int
    path: str
    object: str = ""


def read_commit(mirror: Path, commit: str) -> Commit:
    """Return the metadata of a commit."""
    words = ["log", "-1", "--no-mailmap", "--encoding=UTF-8", f"--format={_FORMAT}", "--end-of-options", commit]
    parts = git(words, cwd=mirror).output.removesuffix("\n").split("\0", 8)
    return Commit(
        commit=parts[0],
        tree=parts[1],
        parents=tuple(parts[2].split()),
        author_name=parts[3],
        author_email=parts[4],
        authored_at=_time(parts[5]),
        committed_at=_time(parts[6]),
        subject=parts[7],
        body=parts[8].strip("\n"),
    )


def _time(seconds: str) -> datetime:
    """Return a time of git in UTC; the epoch for the broken dates that some old commits have."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def tags_at(mirror: Path, commit: str) -> tuple[str, ...]:
    """Return the tags, annotated or not, that point at a commit."""
    words = ["for-each-ref", f"--points-at={commit}", "--format=%(refname)", "refs/tags"]
    return tuple(line.removeprefix("refs/tags/") for line in text(words, cwd=mirror).splitlines())


def merge_base(mirror: Path, left: str, right: str) -> str | None:
    """Return the best common ancestor; None when the mirror has none."""
    done = git(["merge-base", "--end-of-options", left, right], cwd=mirror, accept=(0, 1))
    return done.output.split("\n", 1)[0] or None


def is_ancestor(mirror: Path, older: str, newer: str) -> bool | None:
    """Tell whether `newer` comes after `older`; None when one of them is not in the mirror."""
    done = git(["merge-base", "--is-ancestor", older, newer], cwd=mirror, accept=None)
    return None if done.exit_code not in (0, 1) else done.exit_code == 0


def changed_files(mirror: Path, base: str | None, head: str) -> tuple[ChangedFile, ...]:
    """Return the files that differ between two commits, renames and copies found; None: all files of `head`."""
    left = base or EMPTY_TREE[len(head)]
    words = ["diff-tree", "-r", "-z", "--raw", "--numstat", "-M", "-C", "--no-ext-diff", "--no-textconv"]
    return parse_changes(fields([*words, left, head], cwd=mirror))


def parse_changes(parts: list[str]) -> tuple[ChangedFile, ...]:
    """Return the files in NUL-separated `--raw --numstat` output: first all raw records, then all counts."""
    files: list[tuple[str, str | None, str]] = []
    at = 0
    while at < len(parts) and parts[at].startswith(":"):
        change = parts[at].rsplit(" ", 1)[1][:1]
        two = change in ("R", "C")
        path, old = (parts[at + 2], parts[at + 1]) if two else (parts[at + 1], None)
        files.append((path, old, change))
        at += 3 if two else 2
    counts: dict[str, tuple[int | None, int | None]] = {}
    while at < len(parts):
        added, deleted, path = parts[at].split("\t", 2)
        if not path:  # a rename: old and new path follow
            path = parts[at + 2]
            at += 2
        counts[path] = (_number(added), _number(deleted))
        at += 1
    return tuple(
        ChangedFile(path=path, change=change, old_path=old, additions=added, deletions=deleted)
        for path, old, change in files
        for added, deleted in [counts.get(path, (None, None))]
    )


def _number(text: str) -> int | None:
    return None if text == "-" else int(text)


def list_tree(mirror: Path, commit: str) -> list[Entry]:
    """Return every file of a commit, in git's order."""
    entries = []
    for line in fields(["ls-tree", "-r", "-l", "-z", "--full-tree", commit], cwd=mirror):
        facts, path = line.split("\t", 1)
        mode, _kind, thing, size = facts.split()
        entries.append(Entry(mode=mode, size=0 if size == "-" else int(size), path=path, object=thing))
    return entries


def read_file(mirror: Path, commit: str, path: str) -> str | None:
    """Return a file's text at a commit; None when the commit has no such file."""
    done = git(["cat-file", "blob", f"{commit}:{path}"], cwd=mirror, accept=None)
    return done.output if done.exit_code == 0 else None


def names_at(mirror: Path, commit: str, paths: Sequence[str]) -> list[str]:
    """Return which of these paths there are at a commit."""
    return fields(["ls-tree", "-z", "--name-only", commit, "--", *paths], cwd=mirror)

"""The build context: the files that the build sees, as a tar that is the same bytes for the same commit."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from sluice.releases.inspect import LOOK_BYTES, problem_of
from sluice.tools.docker.dockerfile import DockerfileError

OUTSIDE = ".sluice-dockerfile"  # name of a Dockerfile that lies outside of the context, or is ignored there


@dataclass(frozen=True)
class Context:
    """A written context.

    Attributes:
        path: the tar.
        dockerfile: its name in the tar.
        files: how many files are in it.
        secrets: `path: what it is` of files that must not be there.
    """

    path: Path
    dockerfile: str
    files: int
    secrets: tuple[str, ...]


def write_context(tree: Path, folder: str, dockerfile: str, target: Path, moment: datetime) -> Context:
    """Write the files below `folder` of a tree, without `.git` and what `.dockerignore` names; dated by `moment`.

    Raises:
        DockerfileError: the folder, or the Dockerfile, is not there.
    """
    root = tree / folder
    if not root.is_dir():
        raise DockerfileError("build.image.context is no folder of the project", found=folder, next_step="Correct it.")
    rules = ignore_rules(root, tree / dockerfile)
    secrets: list[str] = []
    inside = False
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as tar:  # BuildKit takes a PAX header for a Dockerfile
        count = 0
        for path in files(root):
            name = path.relative_to(root).as_posix()
            if ignored(name, rules):
                continue
            inside |= path == tree / dockerfile
            count += 1
            _add(tar, path, name, moment)
            head = b"" if path.is_symlink() else _head(path)
            if problem := problem_of(name, head):
                secrets.append(f"context {name}: {problem}")
        if not inside:
            _add(tar, tree / dockerfile, OUTSIDE, moment)
    within = (tree / dockerfile).relative_to(root).as_posix() if inside else OUTSIDE
    return Context(target, within, count, tuple(secrets))


def ignore_rules(root: Path, dockerfile: Path) -> tuple[tuple[re.Pattern[str], bool], ...]:
    """Return the rules of `<Dockerfile>.dockerignore`, else of the context's `.dockerignore`: pattern, left out."""
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    place = own if own.is_file() else root / ".dockerignore"
    if not place.is_file():
        return ()
    lines = [line.strip() for line in place.read_text(encoding="utf-8", errors="replace").splitlines()]
    return tuple(_rule(line) for line in lines if line and not line.startswith("#"))


def ignored(name: str, rules: Sequence[tuple[re.Pattern[str], bool]]) -> bool:
    """Tell whether a file is left out: the last rule that takes it, or a folder above it, counts."""
    above = [name, *(parent.as_posix() for parent in PurePosixPath(name).parents)][:-1]
    out = False
    for pattern, leaves_out in rules:
        if any(pattern.fullmatch(part) for part in above):
            out = leaves_out
    return out


def _rule(line: str) -> tuple[re.Pattern[str], bool]:
    leaves_out = not line.startswith("!")
    glob = line.removeprefix("!").strip().removeprefix("./").strip("/")
    parts = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    words = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(parts.get(word, re.escape(word)) for word in words)), leaves_out


def files(root: Path) -> Iterator[Path]:
    """Yield the files and links below a folder in the order of their names, without git's own."""
    for path in sorted(root.rglob("*")):
        if ".git" not in path.relative_to(root).parts and (path.is_symlink() or path.is_file()):
            yield path


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LOOK_BYTES)


def _add(tar: tarfile.TarFile, path: Path, name: str, moment: datetime) -> None:
    entry = tar.gettarinfo(path, name)
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = int(moment.timestamp())
    entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    if entry.isreg():
        with path.open("rb") as file:
            tar.addfile(entry, file)
    else:
        tar.addfile(entry)

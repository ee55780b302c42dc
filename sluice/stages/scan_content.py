"""What is scanned: the source tree and the content of the release, side by side."""

from __future__ import annotations

import filecmp
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sluice.artifacts import sha256_file
from sluice.globs import matches
from sluice.records.scan import ScanRequest
from sluice.stages.scan_release import unpack
from sluice.stages.workplace import Workplace
from sluice.tools import git_command
from sluice.tools.git import materialise, workspace_tree

DOCKERFILE = re.compile(r"(?:.*\.)?(?:dockerfile|containerfile)(?:\..*)?", re.IGNORECASE)
NO_DOCKERFILE = re.compile(  # templates, texts about Dockerfiles, and code that handles them
    r"\.(?:j2|jinja2?|erb|tmpl|template|in|md|rst|txt|dockerignore|py|go|rs|rb|sh|[jt]sx?|json|ya?ml|html?)$",
    re.IGNORECASE,
)
TEST_FOLDERS = frozenset({"test", "tests", "testing"})
TEST_FILE = re.compile(r"test_.*\.py|.*_tests?\.py|conftest\.py|tests?\.py")


@dataclass(frozen=True)
class Content:
    """The scanned directory and what lies in it.

    Attributes:
        root: holds `source/` and `release/`.
        scratch: for the scanners' own files; not scanned.
        tree: of the source, hashed again from the files on disk (with LFS: of the commit that was checked out).
        digest: of the release's bytes, taken again.
        excluded: files that `scan.exclude` left out.
        python: Python files of the source outside its tests, relative to `source/`.
        dockerfiles: relative to `source/`.
    """

    root: Path
    scratch: Path
    tree: str
    digest: str
    excluded: int
    python: tuple[str, ...]
    dockerfiles: tuple[str, ...]

    @property
    def source(self) -> Path:
        """The checkout."""
        return self.root / "source"


def gather(request: ScanRequest, place: Workplace) -> Content:
    """Put the source and the unpacked release into the workspace, without what the project excludes.

    Files of the release that are the same in the source are scanned once, as source.

    Raises:
        ReleaseUnreadableError: the release cannot be unpacked.
        ArtifactCorruptError: the release is gone from the artifact store.
    """
    shutil.rmtree(place.workspace, ignore_errors=True)  # of an attempt that was retried
    root, scratch = place.workspace / "content", place.workspace / "scratch"
    root.mkdir(parents=True)
    scratch.mkdir()
    source, release = root / "source", root / "release"
    materialise(request.source, source, log=place.log)
    tree = git_command.text(["rev-parse", "HEAD^{tree}"], cwd=source) if request.source.lfs else workspace_tree(source)
    archive = place.artifacts.open_path(request.release.artifact)
    digest = f"sha256:{sha256_file(archive)}"
    if request.release.repository:
        release.mkdir()  # an image is read out of its registry
    else:
        unpack(archive, release)
    excluded = _prune(source, release, request.config.exclude)
    names = [path.relative_to(source).as_posix() for path in _files(source)]
    return Content(
        root=root,
        scratch=scratch,
        tree=tree,
        digest=digest,
        excluded=excluded,
        python=tuple(name for name in names if is_python(name)),
        dockerfiles=tuple(name for name in names if is_dockerfile(name)),
    )


def is_python(name: str) -> bool:
    """Tell whether a path is Python code that is no test: asserts and fixed passwords belong there."""
    path = PurePosixPath(name)
    tests = TEST_FOLDERS.intersection(path.parts[:-1]) or TEST_FILE.fullmatch(path.name)
    return path.suffix in (".py", ".pyw") and not tests


def is_dockerfile(name: str) -> bool:
    """Tell whether a path is named as a Dockerfile: `Dockerfile`, `Dockerfile.dev`, `a.Dockerfile`, a Containerfile."""
    path = PurePosixPath(name)
    return DOCKERFILE.fullmatch(path.name) is not None and NO_DOCKERFILE.search(path.name) is None


def is_excluded(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether a path, or a folder above it, matches one of the globs."""
    path = PurePosixPath(name)
    above = [path, *path.parents][:-1]
    return any(matches(part.as_posix(), pattern.rstrip("/")) for part in above for pattern in patterns)


def _prune(source: Path, release: Path, patterns: Sequence[str]) -> int:
    excluded = 0
    for path in list(_files(source)):
        if is_excluded(path.relative_to(source).as_posix(), patterns):
            path.unlink()
            excluded += 1
    for path in list(_files(release)):
        tails = list(_tails(path.relative_to(release)))
        left_out = any(is_excluded(tail.as_posix(), patterns) for tail in tails)
        if left_out or any(_same(base / tail, path) for tail in tails for base in (source, source / "src")):
            path.unlink()
            excluded += left_out
    return excluded


def _files(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder, without git's own; links are never followed."""
    for path in sorted(folder.rglob("*")):
        if ".git" not in path.relative_to(folder).parts and path.is_file() and not path.is_symlink():
            yield path


def _tails(path: Path) -> Iterator[Path]:
    for start in range(len(path.parts)):
        yield Path(*path.parts[start:])


def _same(source: Path, path: Path) -> bool:
    return source.is_file() and not source.is_symlink() and filecmp.cmp(source, path, shallow=False)

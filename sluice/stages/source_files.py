"""Which files of a source say what it needs and how it is built, by their names; and how much a checkout may hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from sluice.errors import InfrastructureError
from sluice.tools.git_history import Entry

MAX_FILES = 250_000
MAX_BYTES = 4 * 1024**3

DEPENDENCY_NAMES = (
    "pyproject.toml", "setup.py", "setup.cfg", "requirements*.txt", "*requirements.txt", "requirements*.in",
    "constraints*.txt", "uv.lock", "pylock*.toml", "poetry.lock", "pdm.lock", "Pipfile", "Pipfile.lock",
    "environment.yml", "environment.yaml", "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock",
    "pnpm-lock.yaml", "bun.lock", "bun.lockb", "deno.lock", "go.mod", "go.sum", "Cargo.toml", "Cargo.lock", "Gemfile",
    "Gemfile.lock", "*.gemspec", "composer.json", "composer.lock", "pom.xml", "build.gradle", "build.gradle.kts",
    "gradle.lockfile", "mix.exs", "mix.lock", "*.csproj", "packages.lock.json",
)  # fmt: skip
BUILD_NAMES = (
    "Dockerfile", "Dockerfile.*", "*.Dockerfile", "*.dockerfile", "Containerfile", ".dockerignore",
    "docker-compose*.yml", "docker-compose*.yaml", "compose.yml", "compose.yaml", "docker-bake.hcl", "Makefile",
    "makefile", "GNUmakefile", "*.mk", "CMakeLists.txt", "meson.build", "noxfile.py", "tox.ini", "Justfile", "justfile",
    "Taskfile.yml", "tasks.py", "sluice.yaml", "MANIFEST.in", "Procfile",
)  # fmt: skip
REQUIREMENTS_FOLDER = "requirements"


class CheckoutLimitError(InfrastructureError):
    """The commit has more files or bytes than a workspace may hold."""

    code = "CHECKOUT_LIMIT"
    next_step = "Keep bulky data out of the repository (Git LFS, an artifact store)."


def dependency_files(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files that declare or lock dependencies, sorted."""
    return tuple(sorted(path for path in paths if _matches(path, DEPENDENCY_NAMES) or _in_requirements(path)))


def build_files(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files that say how the project is built or packed, sorted."""
    return tuple(sorted(path for path in paths if _matches(path, BUILD_NAMES)))


def _matches(path: str, names: Sequence[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatchcase(name, pattern) for pattern in names)


def _in_requirements(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return folder.rpartition("/")[2] == REQUIREMENTS_FOLDER and name.endswith((".txt", ".in"))


def refuse_too_much(entries: Sequence[Entry], *, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES) -> None:
    """Refuse a commit before it fills the disk.

    Raises:
        CheckoutLimitError: too many files, or too many bytes in all.
    """
    if len(entries) > max_files:
        raise CheckoutLimitError("the commit has too many files", found=len(entries), allowed=f"{max_files} files")
    size = sum(entry.size for entry in entries)
    if size > max_bytes:
        largest = max(entries, key=lambda entry: entry.size)
        raise CheckoutLimitError(
            "the commit is too large", where=largest.path, found=f"{size} bytes", allowed=f"{max_bytes} bytes"
        )

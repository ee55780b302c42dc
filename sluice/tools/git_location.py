"""Where a repository is: a path on this machine, or an https or ssh URL; nothing else."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from sluice.errors import UsageError
from sluice.settings import current_settings
from sluice.tools.git_command import git

_SCP = re.compile(r"(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^-].*)", re.A)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]", re.A)
_CONTROL = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
ALLOWED = "a path on this machine, https://host/path or ssh://user@host/path"


class RepositoryError(UsageError):
    """The repository is not named in a way that Sluice fetches from."""

    code = "REPOSITORY_INVALID"
    next_step = "Give a path inside a git repository, or its https or ssh URL."


@dataclass(frozen=True)
class Location:
    """Where git fetches from.

    Attributes:
        url: a URL, or the absolute path of a local repository.
        local: it is a path.
        git_dir: the directory that holds a local repository's objects.
        bare: a local repository without a working tree.
    """

    url: str
    local: bool = False
    git_dir: Path | None = None
    bare: bool = False

    @property
    def protocols(self) -> str:
        """Transports that a fetch from here may use."""
        return "file" if self.local else "https:ssh"

    @property
    def host(self) -> str:
        """Host of a URL, empty for a path."""
        scp = _SCP.fullmatch(self.url)
        return "" if self.local else (scp["host"] if scp else urlsplit(self.url).hostname or "").lower()

    @property
    def prefix(self) -> tuple[str, str]:
        """What stands before the path, and the path: together they are the URL."""
        scp = None if self.local else _SCP.fullmatch(self.url)
        path = self.url if self.local else scp["path"] if scp else urlsplit(self.url).path
        return self.url.removesuffix(path), path

    @property
    def mirror_name(self) -> str:
        """Name of this repository's mirror, one a repository."""
        return hashlib.sha256(self.url.encode()).hexdigest() + ".git"


def locate(repository: str) -> Location:
    """Return where `repository` is.

    Raises:
        RepositoryError: `NOT_A_REPOSITORY`, `REPOSITORY_INVALID`, `REPOSITORY_LOCAL`.
    """
    if is_url(repository):
        return Location(check_url(repository))
    if not current_settings().allow_file_remotes:
        raise RepositoryError(
            "paths are not allowed as repositories here (SLUICE_ALLOW_FILE_REMOTES)",
            code="REPOSITORY_LOCAL",
            found=repository,
            next_step="Give the repository's https or ssh URL.",
        )
    return _local(Path(repository))


def is_url(repository: str) -> bool:
    """Tell whether this is meant as a URL, not as a path."""
    return "://" in repository or "::" in repository or _SCP.fullmatch(repository) is not None


def check_url(url: str) -> str:
    """Return the URL in the form in which it names its mirror.

    Raises:
        RepositoryError: another scheme than https or ssh, credentials inside, an odd host, control characters.
    """
    if _CONTROL.search(url) or len(url) > 2000:
        raise RepositoryError("the repository's URL has blanks or control characters", found=url, allowed=ALLOWED)
    if _SCP.fullmatch(url):
        return url.rstrip("/")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RepositoryError("the repository's URL is not well-formed", found=url, allowed=ALLOWED) from error
    if parts.scheme.lower() not in ("https", "ssh"):
        scheme = "file" if "::" in url else parts.scheme
        hint = "Give the path itself." if scheme == "file" else RepositoryError.next_step
        raise RepositoryError("git may not fetch from such a URL", found=url, allowed=ALLOWED, next_step=hint)
    _check_host(parts)
    host = parts.netloc.rpartition("@")[2].lower()
    user = parts.netloc.rpartition("@")[0]
    authority = f"{user}@{host}" if user else host
    return (
        f"{parts.scheme.lower()}://{authority.removesuffix(f':{port}' if port == 443 else '')}{parts.path.rstrip('/')}"
    )


def _check_host(parts: SplitResult) -> None:
    user, _, host = parts.netloc.rpartition("@")
    if parts.password is not None or (user and parts.scheme.lower() == "https"):
        raise RepositoryError(
            "a URL must not hold credentials",
            code="REPOSITORY_CREDENTIALS",
            where=f"{parts.scheme}://…@{host}",
            next_step="Take them out; use an ssh key of the worker, or a URL that needs none.",
        )
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
    odd_user = user and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", user, re.A)
    if not _HOST.fullmatch(name) or odd_user or len(parts.path) < 2 or parts.path.startswith("//") or parts.query:
        raise RepositoryError("the repository's URL has no usable host or path", found=parts.geturl(), allowed=ALLOWED)


def top_level(path: Path) -> Path:
    """Return the directory of the repository that `path` is in; a bare repository's own.

    Raises:
        RepositoryError: `NOT_A_REPOSITORY`.
    """
    return Path(_local(path).url)


def _local(path: Path) -> Location:
    path = path.expanduser().absolute()
    if not path.is_dir():
        what = "the repository's path is a file" if path.exists() else "there is no such directory"
        raise RepositoryError(what, code="NOT_A_REPOSITORY", found=path)
    words = ["rev-parse", "--path-format=absolute", "--git-common-dir", "--is-bare-repository", "--show-toplevel"]
    done = git(words, cwd=path, accept=None)
    lines = done.output.splitlines()
    if len(lines) < 2 or (done.exit_code and lines[1] != "true"):
        raise RepositoryError(
            "this is not a git repository" if "not a git repo" in done.errors else "git cannot read this repository",
            code="NOT_A_REPOSITORY",
            found=path,
            next_step="Run `git init` and commit there, or name a path inside a git repository.",
        )
    common, bare = Path(lines[0]), lines[1] == "true"
    return Location(str(common if bare else Path(lines[2])), local=True, git_dir=common, bare=bare)

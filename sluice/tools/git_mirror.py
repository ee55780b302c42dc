"""The cached bare mirror of a repository: asked what it has, fetched only when that changed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from sluice.command import Completed, LineSink
from sluice.disk import disk_full, says_full
from sluice.errors import InfrastructureError, SluiceError, TransientError
from sluice.tools import git_credentials
from sluice.tools.git_command import environment, failure, git
from sluice.tools.git_location import Location, RepositoryError
from sluice.tools.git_refs import HEADS, TAGS
from sluice.used import touch

ASK_SECONDS, FETCH_SECONDS, LOCK_SECONDS = 60.0, 1800.0, 1800.0
COMMITS = "refs/sluice/commits/"  # commits that no branch or tag holds
_DENIED = re.compile(
    r"Authentication failed|could not read (?:Username|Password)|Permission denied|Host key verification failed|"
    r"returned error: (?:401|403)|access denied",
    re.I,
)
_UNTRUSTED = re.compile(r"certificate|SSL: |self.signed", re.I)
_MISSING = re.compile(r"not found|does not appear to be a git repository|does not exist|returned error: 404", re.I)
_NETWORK = re.compile(
    r"Could not resolve|Connection (?:refused|reset|timed out|closed)|Failed to connect|Couldn't connect|early EOF|"
    r"RPC failed|remote end hung up|timed out|Operation too slow|returned error: (?:429|5\d\d)|unable to access|"
    r"Network is unreachable|No route to host",
    re.I,
)
_UNSAFE = re.compile(r"fsck error|error in object|^error: object \w+: (?P<what>\w+)", re.I | re.M)


@dataclass(frozen=True)
class RemoteRefs:
    """What a repository has: `refs` (full name → object), and where its HEAD points (branch, or a bare commit)."""

    refs: dict[str, str]
    head_branch: str | None
    head_commit: str | None


def ask(location: Location) -> RemoteRefs:
    """Ask a repository for its branches, tags and HEAD.

    Raises:
        RepositoryError: it is not there, or has no commit (`REPOSITORY_EMPTY`).
        TransientError: the network failed.
    """
    words = ["ls-remote", "--symref", "--", location.url, "HEAD", "refs/heads/*", "refs/tags/*"]
    done = _reach(words, location, Path("/"), ASK_SECONDS)
    branch = commit = None
    refs: dict[str, str] = {}
    for line in done.output.splitlines():
        what, _, name = line.partition("\t")
        if name == "HEAD" and what.startswith("ref: "):
            branch = what.removeprefix("ref: ").removeprefix(HEADS)
        elif name == "HEAD":
            commit = what
        elif name.startswith((HEADS, TAGS)) and not name.endswith("^{}"):
            refs[name] = what
    if not refs and commit is None:
        raise RepositoryError(
            "the repository has no commit",
            code="REPOSITORY_EMPTY",
            found=location.url,
            next_step="Commit something (and push it), then run again.",
        )
    return RemoteRefs(refs, branch, commit)


def refresh(location: Location, mirrors: Path, log: LineSink | None, *, anew: bool = False) -> tuple[Path, RemoteRefs]:
    """Bring the repository's mirror up to date (`anew`: it is broken); return its path and what it has now."""
    mirror = mirrors / location.mirror_name
    with locked(mirror):
        remote = ask(location)
        size = len(next(iter(remote.refs.values()), remote.head_commit or ""))
        if anew or not (mirror / "HEAD").is_file():
            _create(mirror, location, "sha256" if size == 64 else "sha1")
        touch(mirror / "HEAD")
        if read_refs(mirror) == remote.refs and not _deepened(location, mirror):
            return mirror, remote
        words = [f"+{HEADS}*:{HEADS}*", f"+{TAGS}*:{TAGS}*"]
        fetch(location, mirror, words, log, prune=True)
        return mirror, RemoteRefs(read_refs(mirror), remote.head_branch, remote.head_commit)


@contextmanager
def locked(mirror: Path) -> Iterator[None]:
    """Hold the lock under which a mirror is written.

    Raises:
        InfrastructureError: `MIRROR_LOCKED`: another run holds it for too long.
    """
    mirror.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{mirror}.lock", timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout as error:
        raise InfrastructureError(
            "another run holds the mirror of this repository", code="MIRROR_LOCKED", where=lock.lock_file
        ) from error
    try:
        yield
    finally:
        lock.release()


def read_refs(mirror: Path) -> dict[str, str]:
    """Return the mirror's branches and tags, full name → object."""
    done = git(["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"], cwd=mirror)
    pairs = (line.split(" ", 1) for line in done.output.splitlines())
    return {name: thing for thing, name in pairs}


def has_object(mirror: Path, name: str) -> bool:
    """Tell whether the mirror holds this object; one that is there and empty does not count."""
    return git(["cat-file", "-t", name], cwd=mirror, accept=None).exit_code == 0


def fetch_commit(location: Location, mirror: Path, commit: str, log: LineSink | None) -> bool:
    """Fetch one commit that no branch or tag holds; False when the repository does not give it."""
    with locked(mirror):
        if has_object(mirror, commit):
            return True
        try:
            fetch(location, mirror, [f"+{commit}:{COMMITS}{commit}"], log)
        except SluiceError as error:
            if error.transient or error.code not in ("GIT_FAILED", "REPOSITORY_NOT_FOUND"):
                raise
            return False
    return has_object(mirror, commit)


def fetch(location: Location, mirror: Path, refspecs: list[str], log: LineSink | None, *, prune: bool = False) -> None:
    """Fetch into the mirror, whose lock the caller holds; once more when a killed git had left its locks there."""
    words = ["fetch", "--no-tags", "--no-write-fetch-head", "--update-shallow", "--no-recurse-submodules", "--quiet"]
    words += ["--prune"] if prune else []
    words += ["--unshallow"] if _deepened(location, mirror) and not _shallow(location.git_dir) else []
    words += ["--", location.url, *refspecs]
    try:
        _reach(words, location, mirror, FETCH_SECONDS, log)
    except SluiceError as error:
        stale = [*mirror.glob("*.lock"), *mirror.glob("refs/**/*.lock")]  # nobody else writes here
        if error.code != "GIT_FAILED" or not stale:
            raise
        for path in stale:
            path.unlink(missing_ok=True)
        _reach(words, location, mirror, FETCH_SECONDS, log)


def _create(mirror: Path, location: Location, object_format: str) -> None:
    shutil.rmtree(mirror, ignore_errors=True)
    aside = mirror.with_suffix(".new")
    shutil.rmtree(aside, ignore_errors=True)
    words = ["init", "--bare", "--quiet", "--template=", f"--object-format={object_format}", str(aside)]
    git(words, cwd=mirror.parent)
    git(["config", "sluice.url", location.url], cwd=aside)  # relative submodules and LFS start from there
    aside.rename(mirror)


def _shallow(git_dir: Path | None) -> str:
    file = git_dir / "shallow" if git_dir is not None else None
    return file.read_text() if file is not None and file.is_file() else ""


def _deepened(location: Location, mirror: Path) -> bool:
    """Tell whether the mirror is shallow where the repository no longer is in the same way."""
    ours = _shallow(mirror)
    return bool(ours) and ours != _shallow(location.git_dir)


def _reach(words: list[str], location: Location, cwd: Path, seconds: float, log: LineSink | None = None) -> Completed:
    login = git_credentials.known(location)
    done = _try(words, location, cwd, seconds, log, login)
    if not login and _DENIED.search(done.errors):
        login = git_credentials.find(location)
        done = _try(words, location, cwd, seconds, log, login) if login else done
    if done.exit_code == 0 and not done.timed_out:
        return done
    raise _unreachable(done, location, cwd, login=bool(login))


def _try(
    words: list[str], location: Location, cwd: Path, seconds: float, log: LineSink | None, login: dict[str, str]
) -> Completed:
    variables = {**environment(location.protocols), **login}
    return git(words, cwd=cwd, env=variables, accept=None, log=log, timeout=seconds)


def _denied(location: Location, said: str, *, login: bool) -> InfrastructureError:
    """Return the error for a host that does not let us in, with what gives it our login."""
    host = git_credentials.host_of(location)
    hint = ""
    if host:
        hint = f"Make a Sluice Git Host block for {host} in the Prefect UI, or set {git_credentials.SETTING}. "
    return InfrastructureError(
        "the repository refuses the login that is given for its host"
        if login
        else "the repository refuses this worker",
        code="REPOSITORY_DENIED",
        found=location.url,
        next_step=(f"Give the token for {host} read access, or replace it. " if login else hint) + said,
    )


def _unreachable(done: Completed, location: Location, cwd: Path, *, login: bool) -> SluiceError:
    """Return the error for a repository that git could not reach or read."""
    said = done.errors.strip()
    next_step = f"Git said:\n{done.tail(6)}"
    if says_full(said):
        return disk_full(cwd)
    if _UNTRUSTED.search(said):
        return InfrastructureError(
            "nobody vouches for the server of the repository",
            code="REPOSITORY_UNTRUSTED",
            found=location.url,
            next_step=f"Give its certificate authority in GIT_SSL_CAINFO. {next_step}",
        )
    if _DENIED.search(said):
        return _denied(location, next_step, login=login)
    unsafe = _UNSAFE.search(said)
    if unsafe:
        return RepositoryError(
            "the repository has objects that git refuses as broken or dangerous",
            code="REPOSITORY_UNSAFE",
            found=unsafe["what"] or location.url,
            next_step=next_step,
        )
    if "repository corruption on the remote side" in said:
        return RepositoryError(
            "the repository itself is broken: objects are missing there",
            code="REPOSITORY_BROKEN",
            found=location.url,
            next_step=f"Run `git fsck` in it. {next_step}",
        )
    if not location.local and (done.timed_out or (_NETWORK.search(said) and not _MISSING.search(said))):
        return TransientError(
            "the repository cannot be reached", code="REPOSITORY_UNREACHABLE", found=location.url, next_step=next_step
        )
    if _MISSING.search(said) and "not our ref" not in said:
        return RepositoryError("there is no such repository", code="REPOSITORY_NOT_FOUND", found=location.url)
    return failure(done, "git", cwd)

"""Submodules, without `git submodule`: read from the commit, refused by name, each checked out from its own mirror."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sluice.command import LineSink
from sluice.errors import UsageError
from sluice.tools.git_command import git, text
from sluice.tools.git_history import list_tree
from sluice.tools.git_location import Location, RepositoryError, is_url, locate
from sluice.tools.git_mirror import fetch_commit, has_object, refresh
from sluice.used import touch

DEPTH = 5
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_./ +@-]{0,199}", re.A)
CheckOut = Callable[[Path, str, Path, LineSink | None], None]


class SubmoduleError(UsageError):
    """A submodule is not fetched: its name, path or URL is not allowed, or its commit is not there."""

    code = "SUBMODULE_REFUSED"
    next_step = "Correct .gitmodules, or set `submodules: false` in sluice.yaml."


@dataclass(frozen=True)
class Submodule:
    """A submodule of a commit: where it lies, which commit it must be at, and its declaration (empty when none)."""

    path: str
    commit: str
    name: str = ""
    url: str = ""


def read_submodules(mirror: Path, commit: str) -> tuple[Submodule, ...]:
    """Return every submodule that the tree of `commit` has or its .gitmodules declares (then without a commit)."""
    declared = _declarations(mirror, commit)
    links = {entry.path: entry.object for entry in list_tree(mirror, commit) if entry.mode == "160000"}
    return tuple(
        Submodule(path, links.get(path, ""), *declared.get(path, ("", ""))) for path in sorted(links | declared)
    )


def _declarations(mirror: Path, commit: str) -> dict[str, tuple[str, str]]:
    words = ["config", "-z", "--blob", f"{commit}:.gitmodules", "--get-regexp", r"^submodule\..*\.(path|url)$"]
    done = git(words, cwd=mirror, accept=None)
    paths: dict[str, str] = {}
    urls: dict[str, str] = {}
    for item in done.output.split("\0"):
        key, _, value = item.partition("\n")
        name, _, variable = key.removeprefix("submodule.").rpartition(".")
        {"path": paths, "url": urls}.get(variable, {})[name] = value
    return {path: (name, urls.get(name, "")) for name, path in paths.items()}


def missing_submodules(modules: tuple[Submodule, ...], workspace: Path) -> tuple[str, ...]:
    """Return the paths of submodules whose folder is empty or at another commit."""
    return tuple(module.path for module in modules if not _is_there(module, workspace / module.path))


def _is_there(module: Submodule, folder: Path) -> bool:
    if not module.commit or not (folder / ".git").exists():
        return False
    done = git(["rev-parse", "HEAD"], cwd=folder, accept=None)
    return done.output.strip() == module.commit


def add_submodules(
    mirror: Path, commit: str, workspace: Path, check_out: CheckOut, log: LineSink | None, depth: int = 1
) -> None:
    """Check out all submodules of a workspace, theirs too.

    Raises:
        SubmoduleError: one is not allowed, is declared in a circle, or its commit cannot be had.
    """
    parent = locate(text(["config", "--get", "sluice.url"], cwd=mirror))
    modules = read_submodules(mirror, commit)
    locations = {module: allowed_location(module, parent) for module in modules if module.commit}
    if locations and depth > DEPTH:
        raise SubmoduleError("submodules are nested too deeply", found=modules[0].path, allowed=f"{DEPTH} levels")
    for module, location in locations.items():
        theirs = _mirror_with(module, location, mirror.parent, log)
        check_out(theirs, module.commit, workspace / module.path, log)
        add_submodules(theirs, module.commit, workspace / module.path, check_out, log, depth + 1)


def _mirror_with(module: Submodule, location: Location, mirrors: Path, log: LineSink | None) -> Path:
    mirror = mirrors / location.mirror_name
    if mirror.is_dir() and has_object(mirror, module.commit):
        touch(mirror / "HEAD")
        return mirror
    mirror, _refs = refresh(location, mirrors, log)
    if not has_object(mirror, module.commit) and not fetch_commit(location, mirror, module.commit, log):
        raise SubmoduleError(
            "the commit of a submodule is not in its repository",
            code="SUBMODULE_COMMIT",
            where=module.path,
            found=module.commit,
            next_step="Push the submodule's commit, then run again.",
        )
    return mirror


def allowed_location(module: Submodule, parent: Location) -> Location:
    """Return where a submodule is fetched from: the host of its parent; a path only for a parent that is a path.

    Raises:
        SubmoduleError: it leads elsewhere, or its name or path could lead out of the workspace.
    """
    parts = module.path.split("/")
    if not module.name or not _NAME.fullmatch(module.name) or ".." in module.name.split("/"):
        raise _refused(module, "its name is missing or not allowed")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or module.path.startswith("-"):
        raise _refused(module, "its path leads out of the workspace")
    if re.search(r"[\x00-\x1f\x7f]", module.path + module.url) or not module.url or module.url.startswith("-"):
        raise _refused(module, "its path or URL is empty, an option, or has control characters")
    url = _absolute(module.url, parent)
    if not is_url(url) and not parent.local:
        raise _refused(module, "it is a path, and the repository is not")
    try:
        location = locate(url)
    except RepositoryError as error:
        raise _refused(module, error.message) from error
    host = _trusted_host(parent)
    if not location.local and location.host != host:
        raise _refused(module, f"its host is not the repository's own ({host or 'which has none'})")
    return location


def _trusted_host(parent: Location) -> str:
    """Return the host that submodules may come from; of a local repository, the one that it was cloned from."""
    if not parent.local:
        return parent.host
    done = git(["config", "--get", "remote.origin.url"], cwd=Path(parent.url), accept=None)
    origin = done.output.strip()
    return locate(origin).host if is_url(origin) else ""


def _absolute(url: str, parent: Location) -> str:
    if not url.startswith(("./", "../")):
        return url
    head, path = parent.prefix
    return head + posixpath.normpath(posixpath.join(path, url))


def _refused(module: Submodule, why: str) -> SubmoduleError:
    return SubmoduleError(f"submodule {module.name or module.path} is not fetched: {why}", found=module.url)

"""Requirement lines and the lock files of other tools, as text."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from sluice.errors import BuildFailedError

_OPTION = re.compile(r"(?:-i|-f|--(?:index-url|extra-index-url|find-links|no-index|trusted-host|prefer-binary))\b")


class LockError(BuildFailedError):
    """The dependencies of a release cannot be pinned."""

    code = "LOCK_FAILED"
    next_step = "Mend the dependencies that the project declares."


def normalised(name: str) -> str:
    """Return a distribution name as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution(block: str) -> str:
    """Return the normalised name that a requirement begins with; empty when it has none."""
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", block)
    return normalised(match[0]) if match else ""


def requirement_lines(text: str) -> list[str]:
    """Return requirements, one a block with its hashes, without comments and without options that name an index."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    lines = (re.sub(r"(?:^|\s)#.*$", "", line).strip() for line in joined.splitlines())
    blocks = [line for line in lines if line and not _OPTION.match(line)]
    return [re.sub(r"\s+--hash=", " \\\n    --hash=", block) for block in blocks]


def local_path(block: str, tree: Path) -> str | None:
    """Return the folder of the workspace that a requirement means, relative to it; None: it is none."""
    target = block.removeprefix("-e").split(" ;")[0].strip().split(" @ ")[-1].strip()
    if target.startswith("file://"):
        path = Path(target.removeprefix("file://").split("#")[0].split(" ")[0])
    elif target.startswith((".", "/")) or block.startswith("-e") or not re.search(r"[=@<>~!]", block):
        path = tree / target
    else:
        return None
    path = path.resolve()
    if not path.is_relative_to(tree.resolve()) or not path.is_dir():
        return None
    return path.relative_to(tree.resolve()).as_posix()


def poetry_constraints(lock: str) -> str:
    """Return `name==version` for each package of a poetry.lock that has one version only."""
    versions: dict[str, set[str]] = {}
    try:
        packages = tomllib.loads(lock).get("package", [])
    except tomllib.TOMLDecodeError as error:
        raise LockError("poetry.lock cannot be read", where="poetry.lock", found=error) from error
    for package in packages:
        if package.get("source", {}).get("type") not in ("git", "directory", "file", "url"):
            versions.setdefault(str(package["name"]), set()).add(str(package["version"]))
    return "".join(f"{name}=={next(iter(found))}\n" for name, found in sorted(versions.items()) if len(found) == 1)


def pipfile_requirements(lock: str) -> str:
    """Return the default packages of a Pipfile.lock as requirement lines with their hashes."""
    try:
        packages = json.loads(lock)["default"]
        lines = []
        for name, facts in sorted(packages.items()):
            extras = f"[{','.join(facts['extras'])}]" if facts.get("extras") else ""
            marker = f" ; {facts['markers']}" if facts.get("markers") else ""
            hashes = "".join(f" \\\n    --hash={one}" for one in sorted(facts["hashes"]))
            lines.append(f"{name}{extras}{facts['version']}{marker}{hashes}\n")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LockError(
            "Pipfile.lock holds what cannot be pinned by version and hash", where="Pipfile.lock", found=error
        ) from error
    return "".join(lines)

"""From the ref that was asked for to one commit: branch before tag before commit."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

from sluice.errors import UsageError
from sluice.records.checkout import RefKind
from sluice.tools.git_command import git

_PATTERN = re.compile(r"(?:refs/(?:heads|tags)/)?[A-Za-z0-9._/+@-]{1,200}", re.A)
_COMPONENT = re.compile(r"[^-./][^/]*", re.A)
_HEX = re.compile(r"[0-9A-Fa-f]{4,64}", re.A)
_FULL = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.A)
_GUESSES = 3
HEADS, TAGS = "refs/heads/", "refs/tags/"


class RefError(UsageError):
    """The ref cannot be a ref, or names nothing."""

    code = "REF_INVALID"


def check_ref(ref: str) -> str:
    """Return `ref` when it may be handed to git.

    Raises:
        RefError: `REF_INVALID`: looks like an option, has `..`, blanks, control or shell characters …
    """
    parts = ref.split("/")
    fine = (
        _PATTERN.fullmatch(ref) is not None
        and all(_COMPONENT.fullmatch(part) and not part.endswith((".lock", ".")) for part in parts)
        and ".." not in ref
        and ref != "@"
        and (parts[0] != "refs" or parts[1] in ("heads", "tags"))
    )
    if not fine:
        raise RefError(
            "this cannot be a branch, tag or commit",
            found=ref,
            allowed="letters, digits and . _ / + @ -, at most 200; no part begins with - or .",
            next_step="Give a branch, a tag or a commit id.",
        )
    return ref


def find(mirror: Path, refs: Mapping[str, str], wanted: str) -> tuple[RefKind, str, str] | None:
    """Return kind, name and full ref or commit id that `wanted` means; None when it is not in the mirror.

    Args:
        refs: refs/heads/… and refs/tags/… of the mirror.
    """
    if wanted.startswith((HEADS, TAGS)):
        kind = RefKind.BRANCH if wanted.startswith(HEADS) else RefKind.TAG
        return (kind, wanted.split("/", 2)[2], wanted) if wanted in refs else None
    if HEADS + wanted in refs:
        return RefKind.BRANCH, wanted, HEADS + wanted
    if TAGS + wanted in refs:
        return RefKind.TAG, wanted, TAGS + wanted
    if not _HEX.fullmatch(wanted):
        return None
    commit = commit_of(mirror, wanted.lower())
    return (RefKind.COMMIT, commit, commit) if commit else None


def commit_of(mirror: Path, name: str) -> str | None:
    """Return the commit that a checked name points at, annotated tags peeled; None when there is none.

    Raises:
        RefError: `REF_AMBIGUOUS`: a short id of several commits.
    """
    done = git(["rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}"], cwd=mirror, accept=None)
    found = done.output.strip()
    if done.exit_code == 0 and _FULL.fullmatch(found):
        return found
    if "ambiguous" in done.errors:
        hints = re.findall(r"^hint:\s+([0-9a-f]{4,64}) commit.*$", done.errors, re.M)
        raise RefError(
            "several commits begin like that",
            code="REF_AMBIGUOUS",
            found=name,
            allowed=", ".join(hints[:5]),
            next_step="Give more digits of the commit id.",
        )
    return None


def is_commit_id(ref: str) -> bool:
    """Tell whether `ref` is a whole commit id, which a server may be asked for."""
    return _FULL.fullmatch(ref) is not None


def unknown(ref: str, refs: Mapping[str, str], repository: str) -> RefError:
    """Return the error for a ref that names nothing, with the names that look like it."""
    names = sorted({name.split("/", 2)[2] for name in refs})
    short = ref.split("/", 2)[2] if ref.startswith((HEADS, TAGS)) else ref
    close = difflib.get_close_matches(short, names, n=_GUESSES, cutoff=0.5)
    close += [name for name in names if short.lower() in name.lower() and name not in close][: _GUESSES - len(close)]
    guess = f"Did you mean {' or '.join(close)}?" if close else "Push it first, or give another branch, tag or commit."
    return RefError(
        "no branch, tag or commit has this name", code="REF_UNKNOWN", where=repository, found=ref, next_step=guess
    )

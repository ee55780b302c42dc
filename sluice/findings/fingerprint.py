"""The name of a finding: the same in each run, whichever tool found it and on whichever line it now stands."""

from __future__ import annotations

import hashlib
import re

from sluice.findings.draft import Draft
from sluice.findings.rules import canonical
from sluice.records.scan import FindingKind

LENGTH = 32  # hex digits
SECRET_HINT = 4  # hex digits of a secret's digest: tells two secrets apart, gives neither away


def place_of(draft: Draft) -> tuple[str, ...]:
    """Return what tells a finding from its like: package, or path and content; never a line number or a tool."""
    if draft.kind in (FindingKind.VULNERABILITY, FindingKind.LICENCE) and draft.package:
        return (draft.ecosystem, draft.package)
    if draft.kind is FindingKind.SECRET and draft.secret:
        return (draft.path or "", draft.secret[:SECRET_HINT])
    return (draft.path or "", re.sub(r"\s+", " ", draft.context).strip())


def fingerprint(draft: Draft, occurrence: int = 0) -> str:
    """Return the stable fingerprint of a draft.

    Args:
        draft: the finding.
        occurrence: 0 for the first of several that are equal in all but the line, then 1, 2, …
    """
    parts = [draft.kind.value, canonical(draft.rule), *place_of(draft)]
    if occurrence:
        parts.append(f"#{occurrence}")
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:LENGTH]

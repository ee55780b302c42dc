"""Licences that a project does not want, whatever a scanner thinks of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from sluice.findings.draft import Draft, plain
from sluice.records.scan import FindingKind, FindingSeverity


def denied(drafts: Iterable[Draft], deny: Sequence[str]) -> Iterator[Draft]:
    """Yield the drafts; a licence that one of the globs names is critical, so that every gate stops it."""
    patterns = [pattern.lower() for pattern in deny]
    for draft in drafts:
        name = draft.rule.lower()
        if draft.kind is FindingKind.LICENCE and any(fnmatchcase(name, pattern) for pattern in patterns):
            title = plain(
                f"{draft.package or draft.path or 'it'} has the licence {draft.rule}, which scan.licences denies"
            )
            yield replace(draft, severity=FindingSeverity.CRITICAL, title=title)
        else:
            yield draft

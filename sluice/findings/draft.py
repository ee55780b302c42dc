"""What a scanner's adapter says about one problem, before the tools' answers are merged."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from sluice.records.scan import FindingKind, FindingSeverity

TITLE_LIMIT = 300
SEVERITIES = {
    "critical": FindingSeverity.CRITICAL,
    "high": FindingSeverity.HIGH,
    "medium": FindingSeverity.MEDIUM,
    "moderate": FindingSeverity.MEDIUM,
    "low": FindingSeverity.LOW,
    "negligible": FindingSeverity.LOW,
}


@dataclass(frozen=True)
class Draft:
    """One problem as one tool saw it.

    Attributes:
        context: text that tells two problems of one rule in one file apart (the offending line, a message);
            goes into the fingerprint as a hash only.
        aliases: other names of `rule` (GHSA, PYSEC).
        secret: SHA-256 of the secret that was found; lives in memory only.
        ecosystem: of the package, as in its purl (`pypi`).
        layer: of an image: digest of the layer that it is in; `from_base`: whether the base image brings that.
    """

    tool: str
    kind: FindingKind
    rule: str
    severity: FindingSeverity
    title: str
    path: str | None = None
    line: int | None = None
    context: str = ""
    package: str | None = None
    ecosystem: str = ""
    version: str | None = None
    fixed_version: str | None = None
    score: float | None = None
    url: str | None = None
    aliases: tuple[str, ...] = ()
    secret: str = ""
    layer: str | None = None
    from_base: bool | None = None


def severity_of(text: str) -> FindingSeverity:
    """Return the normalised severity; what no tool of ours says is *unknown*, never dropped."""
    return SEVERITIES.get(text.strip().lower(), FindingSeverity.UNKNOWN)


def score_of(value: object) -> float | None:
    """Return a CVSS score between 0 and 10, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 10 else None


def line_of(value: object) -> int | None:
    """Return a line number of at least 1, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None


def plain(text: str, limit: int = TITLE_LIMIT) -> str:
    """Return `text` on one line, without control and bidirectional characters, cut to `limit`."""
    shown = "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") else char for char in text)
    shown = re.sub(r"\s+", " ", shown).strip()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def package_name(name: str, ecosystem: str) -> str:
    """Return the name under which `name` is known: PyPI's are lower case with single dashes."""
    return re.sub(r"[-_.]+", "-", name).lower() if ecosystem == "pypi" else name

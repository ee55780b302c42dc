"""Many tools, one finding for each problem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from sluice.findings.draft import Draft
from sluice.findings.fingerprint import fingerprint, place_of
from sluice.findings.rules import PASSWORD_RULES, canonical
from sluice.records.scan import Finding, FindingKind, FindingSeverity

ORDER = {severity: position for position, severity in enumerate(FindingSeverity)}
RELEASE = "release:"  # how paths inside the release begin
IMAGE = f"{RELEASE}image"  # an image's configuration, which is no file
ID_ORDER = ("CVE-", "GHSA-", "PYSEC-")


def merge(drafts: Iterable[Draft], dockerfile: str = "") -> tuple[Finding, ...]:
    """Return one finding for each problem, worst first.

    Two drafts are one problem when they name the same rule (or names of one vulnerability) for the same package, or
    the same rule for the same text of the same line of a file; a password that Bandit sees where Trivy names the
    secret is that secret. What is wrong with an image by its configuration is mended in the Dockerfile that it was
    built of, and is that file's when the same rule names the file.

    Args:
        drafts: what all scanners said, of source and release.
        dockerfile: path of that Dockerfile in the source; empty when the release is no image.
    """
    own = _in_the_dockerfile(_without_copies(list(drafts)), dockerfile)
    named = _one_name_each(_without_passwords_that_are_secrets(own))
    groups: dict[Hashable, list[Draft]] = defaultdict(list)
    for draft in named:
        groups[_problem(draft)].append(draft)
    seen: dict[Hashable, int] = defaultdict(int)
    findings = []
    for group in sorted(groups.values(), key=lambda group: _position(group[0])):
        kind = (group[0].kind, canonical(group[0].rule), place_of(group[0]))
        findings.append(_finding(group, seen[kind]))
        seen[kind] += 1
    return tuple(sorted(findings, key=_worst_first))


def _problem(draft: Draft) -> Hashable:
    key = (draft.kind, canonical(draft.rule), place_of(draft))
    by_package = draft.kind in (FindingKind.VULNERABILITY, FindingKind.LICENCE) and draft.package
    return key if by_package else (*key, draft.line)


def _position(draft: Draft) -> tuple[str, int]:
    return (draft.path or "", draft.line or 0)


def _worst_first(finding: Finding) -> tuple[int, str, str, str, int, str]:
    where = (finding.path or "", finding.line or 0, finding.fingerprint)
    return (ORDER[finding.severity], finding.kind.value, finding.rule, *where)


def _best_first(draft: Draft) -> tuple[int, bool, bool, str, str]:
    """Order drafts of one problem: the worst severity speaks, of the source rather than of the release."""
    return (ORDER[draft.severity], draft.tool != "trivy", _of_release(draft), draft.path or "", draft.title)


def _finding(group: Sequence[Draft], occurrence: int) -> Finding:
    first = min(group, key=_best_first)

    def any_of(get: Callable[[Draft], object]) -> object:
        return next((value for draft in (first, *group) if (value := get(draft)) is not None), None)

    scores = [draft.score for draft in group if draft.score is not None]
    return Finding.model_validate(
        {
            "fingerprint": fingerprint(first, occurrence),
            "kind": first.kind,
            "rule": canonical(first.rule),
            "severity": first.severity,
            "title": first.title,
            "tools": tuple(sorted({draft.tool for draft in group})),
            "path": any_of(lambda draft: draft.path),
            "line": first.line,
            "package": first.package,
            "version": any_of(lambda draft: draft.version),
            "fixed_version": any_of(lambda draft: draft.fixed_version),
            "score": max(scores, default=None),
            "url": any_of(lambda draft: draft.url),
            "layer": any_of(lambda draft: draft.layer),
            "from_base": any_of(lambda draft: draft.from_base),
        }
    )


def _without_copies(drafts: Sequence[Draft]) -> list[Draft]:
    """Show a secret that the release has from the source where it is to be mended: in the source."""
    source = [draft for draft in reversed(drafts) if draft.secret and not _of_release(draft)]
    in_source: dict[Hashable, Draft] = {(draft.rule, draft.secret): draft for draft in source}
    # A layer's files are not at hand: there the masked line tells the secret, in a file of the same name.
    in_source |= {(draft.rule, *_masked(draft)): draft for draft in source}

    def shown(draft: Draft) -> Draft:
        found = in_source.get((draft.rule, draft.secret))
        return found or (in_source.get((draft.rule, *_masked(draft))) if draft.layer else None) or draft

    return [shown(draft) if draft.secret and _of_release(draft) else draft for draft in drafts]


def _in_the_dockerfile(drafts: Sequence[Draft], dockerfile: str) -> list[Draft]:
    rules = {d.rule: d for d in reversed(drafts) if d.path == dockerfile and d.kind is FindingKind.MISCONFIGURATION}
    of_image = [d.path == IMAGE and d.kind is FindingKind.MISCONFIGURATION for d in drafts]
    return [rules.get(draft.rule, draft) if own else draft for draft, own in zip(drafts, of_image, strict=True)]


def _masked(draft: Draft) -> tuple[str, str, int]:
    return (draft.path or "").rpartition("/")[2].removeprefix(RELEASE), draft.context, draft.line or 0


def _of_release(draft: Draft) -> bool:
    return (draft.path or "").startswith(RELEASE)


def _without_passwords_that_are_secrets(drafts: Sequence[Draft]) -> list[Draft]:
    """Let a secret of Trivy's take in what Bandit calls a hard-coded password on the same line."""
    secrets = {(d.path, d.line): d for d in drafts if d.kind is FindingKind.SECRET}
    kept = []
    for draft in drafts:
        secret = secrets.get((draft.path, draft.line)) if draft.rule in PASSWORD_RULES else None
        kept.append(replace(secret, tool=draft.tool) if secret else draft)
    return kept


def _one_name_each(drafts: Sequence[Draft]) -> list[Draft]:
    """Give each vulnerability of a package one name: its CVE if it has one, else GHSA, else the first by order."""
    groups: dict[tuple[str, str | None], list[set[str]]] = defaultdict(list)
    for draft in drafts:
        if draft.kind is FindingKind.VULNERABILITY:
            _join(groups[(draft.ecosystem, draft.package)], {draft.rule, *draft.aliases})
    return [
        replace(draft, rule=_name(groups[(draft.ecosystem, draft.package)], draft.rule))
        if draft.kind is FindingKind.VULNERABILITY
        else draft
        for draft in drafts
    ]


def _join(groups: list[set[str]], names: set[str]) -> None:
    """Unite `names` with every group that shares one of them, unless two CVEs would become one."""
    for group in [group for group in groups if group & names]:
        if len({name for name in group | names if name.startswith("CVE-")}) <= 1:
            groups.remove(group)
            names = names | group
    groups.append(names)


def _name(groups: Sequence[set[str]], rule: str) -> str:
    names = next(group for group in groups if rule in group)
    return min(names, key=lambda name: (_rank(name), name))


def _rank(name: str) -> int:
    return next((rank for rank, prefix in enumerate(ID_ORDER) if name.startswith(prefix)), len(ID_ORDER))

"""One finding for each problem, whichever tools named it."""

from __future__ import annotations

from dataclasses import replace

from sluice.findings.draft import Draft
from sluice.findings.merge import merge
from sluice.records.scan import FindingKind, FindingSeverity

TOKEN = Draft(
    "trivy",
    FindingKind.SECRET,
    "github-pat",
    FindingSeverity.CRITICAL,
    "GitHub token",
    path="app/main.py",
    line=2,
    secret="ab" * 32,
)
PASSWORD = Draft(
    "bandit",
    FindingKind.CODE,
    "B105",
    FindingSeverity.LOW,
    "hardcoded password string",
    path="app/main.py",
    line=2,
    context="TOKEN = ''",
)
LATEST = Draft(
    "trivy",
    FindingKind.MISCONFIGURATION,
    "DS-0001",
    FindingSeverity.MEDIUM,
    "latest",
    path="Dockerfile",
    line=1,
    context="FROM python:latest",
)
LINT = replace(LATEST, tool="hadolint", rule="DL3007", severity=FindingSeverity.LOW, title="Using latest")
SHELL = Draft(
    "bandit",
    FindingKind.CODE,
    "B602",
    FindingSeverity.HIGH,
    "shell",
    path="run.py",
    line=4,
    context="call(x, shell=True)",
)


def flaw(rule: str, *aliases: str, package: str = "flask", **fields: object) -> Draft:
    draft = Draft(
        "trivy",
        FindingKind.VULNERABILITY,
        rule,
        FindingSeverity.HIGH,
        rule,
        package=package,
        ecosystem="pypi",
        version="0.12",
        aliases=aliases,
    )
    return replace(draft, **fields)  # type: ignore[arg-type]


def test_a_secret_that_two_tools_see_is_one_finding() -> None:
    (finding,) = merge([PASSWORD, TOKEN])
    assert (finding.kind, finding.rule, finding.tools) == (FindingKind.SECRET, "github-pat", ("bandit", "trivy"))
    assert finding.severity is FindingSeverity.CRITICAL
    assert finding.fingerprint == merge([TOKEN])[0].fingerprint


def test_a_password_that_only_bandit_sees_is_kept_as_code() -> None:
    (finding,) = merge([PASSWORD])
    assert (finding.kind, finding.rule) == (FindingKind.CODE, "B105")
    assert len(merge([replace(PASSWORD, line=9), TOKEN])) == 2


def test_a_secret_of_the_source_that_is_in_the_release_is_shown_in_the_source() -> None:
    (finding,) = merge([replace(TOKEN, path="release:pkg/main.py", line=7), TOKEN])
    assert (finding.path, finding.line) == ("app/main.py", 2)


def test_a_secret_that_only_the_release_has_is_kept() -> None:
    other = replace(TOKEN, path="release:built.py", secret="cd" * 32)
    assert [finding.path for finding in merge([other, TOKEN])] == ["app/main.py", "release:built.py"]


def test_a_second_secret_of_the_same_rule_in_the_same_file_is_another_finding() -> None:
    findings = merge([TOKEN, replace(TOKEN, line=5, secret="cd" * 32)])
    assert len({finding.fingerprint for finding in findings}) == 2


def test_the_same_rule_of_a_dockerfile_under_two_names_is_one_finding_with_the_worse_severity() -> None:
    (finding,) = merge([LINT, LATEST])
    assert (finding.rule, finding.severity) == ("DS-0001", FindingSeverity.MEDIUM)
    assert finding.tools == ("hadolint", "trivy")


OF_IMAGE = replace(LATEST, path="release:image", line=3, context="")


def test_what_an_images_configuration_shows_is_its_dockerfiles() -> None:
    (finding,) = merge([OF_IMAGE, LATEST], "Dockerfile")
    assert (finding.path, finding.line) == ("Dockerfile", 1)
    assert finding.fingerprint == merge([LATEST])[0].fingerprint


def test_what_another_dockerfile_has_does_not_hide_what_the_image_has() -> None:
    assert [each.path for each in merge([OF_IMAGE, LATEST], "image/Dockerfile")] == ["Dockerfile", "release:image"]
    assert [each.path for each in merge([OF_IMAGE], "Dockerfile")] == ["release:image"]


def test_the_fingerprint_does_not_depend_on_the_tool_that_ran() -> None:
    alone = {merge([draft])[0].fingerprint for draft in (LINT, LATEST)}
    assert alone == {merge([LATEST, LINT])[0].fingerprint}


def test_two_equal_lines_are_two_findings_and_moving_them_keeps_their_names() -> None:
    before = merge([SHELL, replace(SHELL, line=30)])
    after = merge([replace(SHELL, line=52), replace(SHELL, line=26)])
    assert len({finding.fingerprint for finding in before}) == 2
    assert {f.fingerprint for f in before} == {f.fingerprint for f in after}


def test_names_of_one_vulnerability_are_one_finding_under_its_cve() -> None:
    drafts = [flaw("GHSA-562c", fixed_version="0.12.3"), flaw("CVE-2018-1000656", "GHSA-562c", "PYSEC-2018-66")]
    (finding,) = merge([*drafts, flaw("PYSEC-2018-66", score=7.5)])
    assert (finding.rule, finding.fixed_version, finding.score) == ("CVE-2018-1000656", "0.12.3", 7.5)


def test_order_does_not_matter_for_aliases() -> None:
    drafts = [flaw("PYSEC-2018-66"), flaw("GHSA-562c"), flaw("CVE-2018-1", "GHSA-562c", "PYSEC-2018-66")]
    assert merge(drafts) == merge(reversed(drafts))
    assert len(merge(drafts)) == 1


def test_two_cves_that_share_an_advisory_stay_two() -> None:
    findings = merge([flaw("CVE-2020-1", "GHSA-x"), flaw("CVE-2020-2", "GHSA-x")])
    assert [finding.rule for finding in findings] == ["CVE-2020-1", "CVE-2020-2"]


def test_the_same_vulnerability_in_two_packages_is_two_findings() -> None:
    assert len(merge([flaw("CVE-2020-1"), flaw("CVE-2020-1", package="jinja2")])) == 2


def test_the_same_package_in_source_and_release_is_one_finding() -> None:
    drafts = [flaw("CVE-2020-1", path="requirements.txt"), flaw("CVE-2020-1", path="release:requirements.lock")]
    assert len(merge(drafts)) == 1


def test_worst_first() -> None:
    severities = [finding.severity for finding in merge([PASSWORD, LATEST, SHELL, replace(TOKEN, path="x")])]
    assert severities == ["critical", "high", "medium", "low"]

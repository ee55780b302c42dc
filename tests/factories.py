"""Honest records and the facts that go with them; each field can be replaced to make a lie.

`checkout()`, `run_of()`, `build()` … give a record that its boundary accepts together with `facts()`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from data_checks.facts import BoundaryFacts
from sluice.records.build import BuildRecord, PlatformCheck, Release
from sluice.records.checkout import ChangedFile, CheckoutRecord, RefKind
from sluice.records.common import ArtifactRef, SourceRef, ToolUse
from sluice.records.deploy import CanaryStep, Condition, DeployRecord, Replica, RollbackRecord, Step
from sluice.records.history import Baseline, History
from sluice.records.image import BuildStep, ImageBuild, Layer, PlatformImage
from sluice.records.scan import Finding, FindingKind, FindingSeverity, Package, Scanner, ScanRecord
from sluice.records.smoke import Load, SmokeCheck, SmokeRecord, Threshold
from sluice.records.testing import CoverageSummary, TestCell, TestExecution, TestRecord

RUN = "3f0f6c1e-7a0f-4a53-9d64-0f6f0d5f9f11"
COMMIT, OTHER_COMMIT, PARENT = "c" * 40, "d" * 40, "b" * 40
TREE, OTHER_TREE = "7" * 40, "8" * 40
DIGEST, OTHER_DIGEST = "sha256:" + "1" * 64, "sha256:" + "2" * 64
STARTED = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
ENDED = STARTED + timedelta(seconds=10)
NOW = STARTED + timedelta(seconds=11)


def later(seconds: float) -> datetime:
    """Return the time `seconds` after the stage began."""
    return STARTED + timedelta(seconds=seconds)


def facts(**fields: Any) -> BoundaryFacts:
    """Return what the runner knows of the honest run."""
    known: dict[str, Any] = {
        "run_id": RUN,
        "now": NOW,
        "commit": COMMIT,
        "tree": TREE,
        "committed_at": STARTED - timedelta(hours=1),
        "release_digest": DIGEST,
        "replicas": 2,
        "history": History(),
        "superseded_by": (),
        "files_since": (),
        "tested_pythons": ("3.11.7",),
        "platforms": ("linux/amd64",),
        "previous_base": "",
        "lock_packages": 3,
        "base_findings": {},
    }
    return BoundaryFacts(**known | fields)


def history(*, samples: int = 20, mad: float = 0.0, **usual: float) -> History:
    """Return a history of these medians on `main`; `__` in a metric's name stands for the dot."""
    known = {name.replace("__", "."): value for name, value in usual.items()}
    return History(baselines={name: baseline(name, value, samples=samples, mad=mad) for name, value in known.items()})


def baseline(metric: str, median: float, **fields: Any) -> Baseline:
    """Return a baseline of a metric that never moved."""
    known: dict[str, Any] = {"metric": metric, "branch": "main", "samples": 20, "median": median, "mad": 0.0}
    return Baseline(**known | dict.fromkeys(("lowest", "highest", "latest"), median) | fields)


def _stage(**fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"run_id": RUN, "started_at": STARTED, "ended_at": ENDED, "passed": True}
    return known | {"tools": (ToolUse(name="git", version="2.39.5", exit_code=0, seconds=0.2),)} | fields


def artifact(name: str = "report.xml", fill: str = "a") -> ArtifactRef:
    """Return a reference to a file in the artifact store."""
    return ArtifactRef(name=name, sha256=fill * 64, size=2048)


def source(**fields: Any) -> SourceRef:
    """Return the accepted source."""
    known: dict[str, Any] = {
        "mirror": "/srv/sluice/mirrors/greeter.git",
        "commit": COMMIT,
        "tree": TREE,
        "committed_at": STARTED - timedelta(hours=1),
    }
    return SourceRef(**known | fields)


def release(**fields: Any) -> Release:
    """Return the release of the honest build."""
    known: dict[str, Any] = {
        "digest": DIGEST,
        "kind": "bundle",
        "project": "greeter",
        "version": "1.4.0",
        "commit": COMMIT,
        "artifact": artifact("greeter-1.4.0.tar", "1"),
        "python": "3.11",
        "has_command": True,
    }
    return Release(**known | fields)


def checkout(**fields: Any) -> CheckoutRecord:
    """Return a checkout of branch `main` with one changed file."""
    known: dict[str, Any] = {
        "repository": "https://git.example/team/greeter.git",
        "requested_ref": "main",
        "ref_kind": RefKind.BRANCH,
        "ref_name": "main",
        "requested_commit": COMMIT,
        "source": source(),
        "parents": (PARENT,),
        "author_name": "Ada",
        "author_email": "ada@example.org",
        "authored_at": STARTED - timedelta(hours=1),
        "subject": "Greet politely",
        "body": "",
        "tags": (),
        "default_branch": "main",
        "merge_base": PARENT,
        "base_tree": OTHER_TREE,
        "changed_files": (ChangedFile(path="greeter/app.py", change="M", additions=3, deletions=1, lines="3-4,9"),),
        "dependency_files": ("pyproject.toml",),
        "build_files": (),
        "declared_submodules": (),
        "missing_submodules": (),
        "lfs_pointers": (),
        "dirty_files": (),
        "file_count": 12,
        "shallow": False,
    }
    return CheckoutRecord(**_stage() | known | fields)


def coverage(**fields: Any) -> CoverageSummary:
    """Return coverage of 90 %."""
    known: dict[str, Any] = {
        "lines_valid": 100,
        "lines_covered": 90,
        "branches_valid": 20,
        "branches_covered": 15,
        "files": artifact("coverage.csv", "b"),
    }
    return CoverageSummary(**known | fields)


def execution(**fields: Any) -> TestExecution:
    """Return a green pytest execution of 12 tests: 10 passed, 1 skipped, 1 expected failure."""
    known: dict[str, Any] = {
        "framework": "pytest",
        "framework_version": "9.2.0",
        "cell": TestCell(label="py3.11", python="3.11"),
        "command": ("pytest", "--junitxml=report.xml"),
        "exit_code": 0,
        "started_at": later(3),
        "ended_at": later(5),
        "wall_seconds": 1.9,
        "total": 12,
        "passed": 10,
        "failed": 0,
        "errors": 0,
        "skipped": 1,
        "xfailed": 1,
        "declared_total": 12,
        "declared_failed": 0,
        "declared_errors": 0,
        "declared_skipped": 1,
        "case_seconds": 0.84,
        "report": artifact(),
        "report_written_at": later(4.9),
        "cases": artifact("cases.csv", "e"),
        "coverage": coverage(),
        "log": artifact("pytest.log", "f"),
        "peak_memory_bytes": 60_000_000,
        "cpu_seconds": 1.1,
    }
    return TestExecution(**known | fields)


def red_execution(**fields: Any) -> TestExecution:
    """Return an honest red execution: 2 failures and 1 error, exit code 1."""
    known: dict[str, Any] = {"exit_code": 1, "passed": 7, "failed": 2, "errors": 1}
    return execution(**known | {"declared_failed": 2, "declared_errors": 1} | fields)


def run_of(*executions: TestExecution, **fields: Any) -> TestRecord:
    """Return the record of these executions (of one green one when none is given)."""
    held = executions or (execution(),)
    green = all(each.exit_code == 0 for each in held)
    known: dict[str, Any] = {"commit": COMMIT, "executions": held, "passed": green, "reason": "" if green else "3 red"}
    return TestRecord(**_stage() | known | fields)


def build(**fields: Any) -> BuildRecord:
    """Return the record of a release that was built and read back."""
    known: dict[str, Any] = {
        "release": release(),
        "read_back_digest": DIGEST,
        "revision": COMMIT,
        "built_tree": TREE,
        "tested_tree": TREE,
        "created_at": later(6),
        "size": 48_000,
        "file_count": 14,
        "contents": ("wheel", "lock"),
        "lock_sha256": "9" * 64,
        "lock_packages": 3,
        "platforms": (PlatformCheck(platform="linux/amd64", python="3.11"),),
        "base": "CPython 3.11.7 linux-x86_64",
        "inspected_files": 20,
    }
    return BuildRecord(**_stage() | known | fields)


def image_build(image: dict[str, Any] | None = None, **fields: Any) -> BuildRecord:
    """Return the record of an image that was built, pushed and read back; `image` replaces fields of its image."""
    known: dict[str, Any] = {
        "repository": "registry.example/team/greeter",
        "tags": ("main-0123456789ab", "latest"),
        "digest": DIGEST,
        "media_type": "application/vnd.oci.image.manifest.v1+json",
        "pushed_digest": DIGEST,
        "size": 48_000,
        "created": later(6),
        "labels": {"org.opencontainers.image.revision": COMMIT},
        "base_name": "python:3.11-slim",
        "base_digest": OTHER_DIGEST,
        "base_pinned": True,
        "layers": (
            Layer(digest=OTHER_DIGEST, size=40_000, platform="linux/amd64", from_base=True),
            Layer(digest=f"sha256:{'7' * 64}", size=8_000, platform="linux/amd64"),
        ),
        "platforms": (PlatformImage(platform="linux/amd64", digest=DIGEST, image_id=OTHER_DIGEST),),
        "steps": (BuildStep(name="[2/2] COPY src /src", cached=False, seconds=0.2),),
        "builder": "buildkit",
        "engine": "20.10.24",
    }
    made = {
        "release": release(kind="image", repository=known["repository"], python=None),
        "image": ImageBuild(**known | (image or {})),
        "platforms": (PlatformCheck(platform="linux/amd64", python=""),),
        "base": f"python:3.11-slim@{OTHER_DIGEST}",
        "base_named_by": "the Dockerfile",
        "lock_sha256": None,
        "lock_packages": 0,
    }
    return build(**made | fields)


def finding(**fields: Any) -> Finding:
    """Return a finding of medium severity, below the gate."""
    known: dict[str, Any] = {
        "fingerprint": "f-001",
        "kind": FindingKind.CODE,
        "rule": "B311",
        "severity": FindingSeverity.MEDIUM,
        "title": "Standard pseudo-random generators are not suitable for security",
        "tools": ("bandit",),
        "path": "greeter/app.py",
        "line": 12,
    }
    return Finding(**known | fields)


def scanner(**fields: Any) -> Scanner:
    """Return a scanner that ran to its end."""
    known: dict[str, Any] = {"name": "trivy", "version": "0.76.0", "status": "ok", "items_scanned": 12, "findings": 0}
    return Scanner(**known | fields)


def scan(**fields: Any) -> ScanRecord:
    """Return a scan with one finding below the gate, without vulnerability data."""
    known: dict[str, Any] = {
        "subject_digest": DIGEST,
        "scanned_digest": DIGEST,
        "scanned_tree": TREE,
        "scanners": (
            scanner(),
            scanner(name="bandit", version="1.9.1", findings=1),
            scanner(name="hadolint", status="not_run", reason="no Dockerfile", items_scanned=0),
        ),
        "findings": (finding(),),
        "findings_total": 1,
        "gate": FindingSeverity.HIGH,
        "blocking": (),
        "packages": (Package(name="flask", version="3.1.0", type="pypi"),),
        "sbom": artifact("sbom.json", "d"),
        "vulnerabilities_scanned": False,
        "not_scanned_reason": "no vulnerability data is configured",
    }
    return ScanRecord(**_stage() | known | fields)


def replica(number: int = 1, **fields: Any) -> Replica:
    """Return a healthy replica of the honest release."""
    known: dict[str, Any] = {
        "name": f"greeter-{number}",
        "release_digest": DIGEST,
        "pid": 4000 + number,
        "address": f"127.0.0.1:{42000 + number}",
        "healthy": True,
        "restarts": 0,
    }
    return Replica(**known | fields)


def step(name: str = "switch", ordinal: int = 1) -> Step:
    """Return a step that is done."""
    return Step(ordinal=ordinal, name=name, status="done", started_at=later(1), ended_at=later(2))


def conditions(**broken: str) -> tuple[Condition, ...]:
    """Return what an honest deploy saw of D01 and D03 to D09; `D05="…"` makes one broken."""
    return tuple(
        Condition.broken(code, "what should be", broken[code])
        if code in broken
        else Condition.holds(code, "what should be", "what should be")
        for code in ("D01", "D03", "D04", "D05", "D06", "D07", "D08", "D09")
    )


def deploy(**fields: Any) -> DeployRecord:
    """Return a deploy of two healthy replicas to staging."""
    known: dict[str, Any] = {
        "deployment_id": "d-1",
        "environment": "staging",
        "target": "process",
        "release": release(),
        "previous": release(digest=OTHER_DIGEST, commit=PARENT),
        "changed": True,
        "running_digests": (DIGEST,),
        "replicas_declared": 2,
        "replicas": (replica(1), replica(2)),
        "address": "http://127.0.0.1:41000",
        "steps": (step(),),
        "conditions": conditions(),
    }
    return DeployRecord(**_stage() | known | fields)


def smoke_check(**fields: Any) -> SmokeCheck:
    """Return a check that passed."""
    known: dict[str, Any] = {"name": "GET /healthz", "passed": True, "expected": "200", "observed": "200"}
    return SmokeCheck(**known | {"seconds": 0.01} | fields)


def threshold(**fields: Any) -> Threshold:
    """Return a threshold that held, with samples."""
    known: dict[str, Any] = {"metric": "http_req_failed", "expression": "rate<=0.01", "passed": True}
    return Threshold(**known | {"samples": 240, "observed": 0.0} | fields)


def load(**fields: Any) -> Load:
    """Return a load of 240 requests."""
    known: dict[str, Any] = {"requests": 240, "failed": 0, "rate": 80.0, "p50_seconds": 0.01, "p95_seconds": 0.02}
    return Load(**known | {"p99_seconds": 0.03, "seconds": 3.0, "thresholds": (threshold(),)} | fields)


def smoke(**fields: Any) -> SmokeRecord:
    """Return a smoke test with two checks, a version and a load."""
    known: dict[str, Any] = {
        "environment": "staging",
        "address": "http://127.0.0.1:41000",
        "release": release(),
        "declared": 3,
        "checks": (smoke_check(), smoke_check(name="version", expected=COMMIT, observed=COMMIT)),
        "seen_release": COMMIT,
        "seen_expected": COMMIT,
        "upstream_digests": (DIGEST,),
        "load": load(),
    }
    return SmokeRecord(**_stage() | known | fields)


def canary_step(**fields: Any) -> CanaryStep:
    """Return a step in which 5 % of the requests went to a release that is no worse."""
    known: dict[str, Any] = {
        "ordinal": 1,
        "weight": 5,
        "seconds": 60.0,
        "old_requests": 5700,
        "new_requests": 300,
        "old_errors": 228,
        "new_errors": 12,
        "old_p95": 0.02,
        "new_p95": 0.021,
        "slow_bound": 0.025,
        "old_slow": 57,
        "new_slow": 4,
        "error_p": 0.5,
        "slow_p": 1.0,
        "verdict": "no worse",
        "reason": "12 of 300 failed, 228 of 5700 of the old; p95 0.021 s, 0.02 s of the old",
    }
    return CanaryStep(**{**known, **fields})


def rollback(**fields: Any) -> RollbackRecord:
    """Return a rollback that healed staging."""
    known: dict[str, Any] = {
        "rollback_id": "r-1",
        "environment": "staging",
        "target": "process",
        "from_digest": OTHER_DIGEST,
        "release": release(),
        "target_smoke_passed": True,
        "target_present": True,
        "fenced": True,
        "running_digests": (DIGEST,),
        "replicas_declared": 2,
        "replicas": (replica(1), replica(2)),
        "address": "http://127.0.0.1:41000",
        "validation": (smoke_check(),),
        "steps": (step("switch back"),),
        "seconds_to_restore": 1.4,
    }
    return RollbackRecord(**_stage() | known | fields)

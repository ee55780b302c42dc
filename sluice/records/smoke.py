"""Records of the smoke stage."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from sluice.config.docker import DockerConfig
from sluice.config.model import SmokeConfig
from sluice.records.build import Release
from sluice.records.common import Frozen, StageRecord
from sluice.states import StageName


class Copies(Frozen):
    """The running copies of a release: process ids on this machine, or names of containers on an engine."""

    names: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    docker: DockerConfig | None = None


class SmokeRequest(Frozen):
    """Ask `address` whether `release` serves there and serves well."""

    environment: str
    address: str
    release: Release
    config: SmokeConfig
    upstream_digests: tuple[str, ...] = Field(description="digests behind the proxy, from the deploy record")
    replicas: int = Field(default=6, ge=1, le=64, description="behind the proxy: each of them is asked for its version")
    new_release: bool = Field(description="False: the release already served and had passed; the load is skipped")
    copies: Copies = Field(default=Copies(), description="whose processor time is watched under load")


class SmokeCheck(Frozen):
    """One check with expected and observed."""

    name: str
    passed: bool
    expected: str
    observed: str
    seconds: float = Field(ge=0)


class Threshold(Frozen):
    """One threshold of the load test; `samples` 0 means it proves nothing."""

    metric: str
    expression: str
    passed: bool
    samples: int = Field(ge=0)
    observed: float | None = Field(description="in the unit of the expression: share of requests, or milliseconds")


class Load(Frozen):
    """Result of the k6 load."""

    requests: int = Field(ge=0)
    failed: int = Field(ge=0)
    rate: float = Field(ge=0, description="requests per second")
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    seconds: float = Field(ge=0)
    thresholds: tuple[Threshold, ...]
    slowdown: float = Field(
        default=1.0, ge=1, description="how many times its own time a busy process took, just before and after the load"
    )
    release_cores: float | None = Field(
        default=None, ge=0, description="processors that the release kept busy meanwhile; None: not known"
    )
    other_cores: float | None = Field(
        default=None, ge=0, description="processors that neither the release nor the load kept busy"
    )
    crowded: float | None = Field(
        default=None, ge=0, le=1, description="share of the time in which others left the release no processor to spare"
    )


class SmokeRecord(StageRecord):
    """What the release answered."""

    STAGE: ClassVar[StageName] = StageName.SMOKE

    environment: str
    address: str
    release: Release
    declared: int = Field(ge=0, description="checks that had to run, the load's thresholds included")
    checks: tuple[SmokeCheck, ...]
    seen_release: str | None = Field(
        description="commit, version or digest that the answers report; None: not reported"
    )
    seen_expected: str | None
    upstream_digests: tuple[str, ...]
    load: Load | None
    load_skipped: str = ""
    stale: tuple[str, ...] = Field(
        default=(), description="answers that came out of a cache: request, and what says so"
    )

    @property
    def ran(self) -> int:
        """Checks and thresholds that really ran."""
        return len(self.checks) + (len(self.load.thresholds) if self.load else 0)

    def headline(self) -> str:
        """Return checks passed and the load's figures."""
        good = sum(check.passed for check in self.checks)
        parts = [f"{good}/{len(self.checks)} checks"]
        if self.load and self.load.p95_seconds is not None:
            parts.append(
                f"{self.load.requests} requests, {self.load.failed} failed, p95 {self.load.p95_seconds * 1000:.0f} ms"
            )
        return " · ".join(parts + ([self.reason] if not self.passed else []))

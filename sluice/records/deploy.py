"""Records of deploy and rollback."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime, Field

from sluice.config.docker import RegistryLogin
from sluice.config.model import Environment, Service, SmokeConfig
from sluice.records.build import Release
from sluice.records.common import ArtifactRef, Frozen, StageRecord
from sluice.records.smoke import SmokeCheck
from sluice.states import StageName


class Condition(Frozen):
    """What was seen of one rule that deploys keep; the deploy boundary judges it by its code. No secret is in it."""

    code: str = Field(pattern=r"^D\d{2}$")
    state: str = Field(description="holds, broken, or no_subject")
    expected: str
    observed: str

    @classmethod
    def holds(cls, code: str, expected: str, observed: str) -> Condition:
        """Return a condition that was looked at and holds."""
        return cls(code=code, state="holds", expected=expected, observed=observed)

    @classmethod
    def broken(cls, code: str, expected: str, observed: str) -> Condition:
        """Return a condition that was looked at and does not hold."""
        return cls(code=code, state="broken", expected=expected, observed=observed)

    @classmethod
    def no_subject(cls, code: str, why: str) -> Condition:
        """Return a condition that there is nothing to look at for."""
        return cls(code=code, state="no_subject", expected="", observed=why)


class DeployRequest(Frozen):
    """Put `release` into `environment` (by name, with its declaration).

    `service` says how it is started (None is refused); `smoke` is kept with the release for a later rollback to it.
    `others` are the project's other environments; `mirror` is the repository, empty when it is not known; `waived` are
    codes that the project lowered to a warning: they keep nothing from being started; `registry_login` reads an
    image's provenance where `declaration` has no login of its own;
    `evidence` are the files that the stages before have kept.
    """

    environment: str
    declaration: Environment
    release: Release
    service: Service | None = None
    smoke: SmokeConfig = SmokeConfig()
    vulnerabilities_scanned: bool = False
    others: dict[str, Environment] = Field(default_factory=dict)
    mirror: str = ""
    allow_downgrade: bool = False
    waived: tuple[str, ...] = ()
    evidence: tuple[ArtifactRef, ...] = ()
    registry_login: RegistryLogin | None = None


class Replica(Frozen):
    """One running copy of a release, as observed (not as asked for)."""

    name: str
    release_digest: str
    pid: int | None
    address: str
    healthy: bool
    restarts: int = Field(ge=0, description="starts after the first, in the last five minutes")
    memory_limit_bytes: int | None = None
    cpu_limit: float | None = None
    limits_enforced: tuple[str, ...] = ()


class Step(Frozen):
    """One journaled step of a deploy or a rollback."""

    ordinal: int
    name: str
    status: str  # done | failed | skipped
    started_at: AwareDatetime
    ended_at: AwareDatetime
    detail: str = ""


class CanaryStep(Frozen):
    """One share of the users' requests that the new release had, and how both answered meanwhile.

    `slow` are answers that took longer than `slow_bound` (seconds), of the proxy's bounds the one that tells most. The
    p-values are of Fisher's exact test, one-sided (the second corrected for the number of bounds): how often chance
    alone would give the new release so many failed (slow) answers of those that both had.
    """

    ordinal: int = Field(ge=1)
    weight: int = Field(description="percent of the requests that went to the new release")
    seconds: float
    old_requests: int
    new_requests: int
    old_errors: int
    new_errors: int
    old_p95: float | None = Field(description="seconds; None: no request, or beyond the last bound of the counts")
    new_p95: float | None
    slow_bound: float
    old_slow: int
    new_slow: int
    error_p: float = Field(ge=0, le=1)
    slow_p: float = Field(ge=0, le=1)
    verdict: str = Field(description="no worse, worse, or not enough requests")
    reason: str = Field(description="in words")


class DeployRecord(StageRecord):
    """A release that is up and healthy in an environment, as observed.

    A new release first stands on its `candidate_address`, behind the proxy and apart from the users; it gets their
    requests (`address`) when its smoke test was accepted: `sluice.stages.deploy.finish` returns the record of that.
    """

    STAGE: ClassVar[StageName] = StageName.DEPLOY

    deployment_id: str
    environment: str
    target: str
    release: Release
    previous: Release | None
    changed: bool = Field(description="False: this release already served and was only verified")
    running_digests: tuple[str, ...] = Field(description="distinct digests behind the proxy, as observed")
    replicas_declared: int
    replicas: tuple[Replica, ...]
    address: str = Field(description="URL of the environment behind the proxy")
    candidate_address: str | None = Field(
        default=None, description="URL of the new release alone, until it takes over; None: it serves at `address`"
    )
    steps: tuple[Step, ...]
    conditions: tuple[Condition, ...] = Field(default=(), description="what was seen of the rules D01 and D03 to D09")

    @property
    def smoke_address(self) -> str:
        """URL at which the smoke test finds this release."""
        return self.candidate_address or self.address

    def headline(self) -> str:
        """Return environment, digest, healthy replicas and address."""
        if not self.changed and any(each.state == "broken" for each in self.conditions):
            return f"{self.environment}: {self.release.digest[:19]} refused, nothing was started or changed"
        healthy = sum(replica.healthy for replica in self.replicas)
        how = "" if self.changed else " · already serving"
        how = " · candidate" if self.candidate_address else how
        return (
            f"{self.environment} ← {self.release.digest[:19]} · {healthy}/{self.replicas_declared} healthy · "
            f"{self.address}{how}"
        )


class RollbackRequest(Frozen):
    """Go back from `bad` in `environment`; `to_digest` None chooses the last release that passed smoke there.

    `restore_backup`: put the database back to before the migrations that the target does not know.
    `bad` None: whatever serves now. `service` and `smoke` count for a release that was kept without its own.
    `registry_login` reads what an image's tags name where `declaration` has no login of its own.
    """

    environment: str
    declaration: Environment
    service: Service | None = None
    smoke: SmokeConfig = SmokeConfig()
    bad: Release | None
    to_digest: str | None = None
    restore_backup: bool = False
    registry_login: RegistryLogin | None = None
    reason: str
    requested_by: str


class RollbackRecord(StageRecord):
    """How the environment was healed, and the proof that it is."""

    STAGE: ClassVar[StageName] = StageName.ROLLBACK

    rollback_id: str
    environment: str
    target: str
    from_digest: str | None
    release: Release | None = Field(description="the release that serves again; None when there was none to go to")
    target_smoke_passed: bool = Field(description="the chosen release had passed smoke in this environment before")
    target_present: bool
    fenced: bool
    running_digests: tuple[str, ...]
    replicas_declared: int
    replicas: tuple[Replica, ...]
    address: str
    validation: tuple[SmokeCheck, ...]
    steps: tuple[Step, ...]
    seconds_to_restore: float = Field(ge=0)
    data_readable: bool | None = Field(default=None, description="the target can read the data; None: not asked")
    data_problem: str = Field(default="", description="why it cannot")
    backup_problem: str | None = Field(
        default=None, description="what is wrong with the backup that was to be put back; None: none was asked for"
    )
    moved_tags: tuple[str, ...] = Field(
        default=(), description="tags of the image that serves again which name another one now, in words"
    )

    def headline(self) -> str:
        """Return where the environment stands and how long it took."""
        if self.release is None:
            return f"{self.environment}: nothing to go back to · {self.reason}"
        if not self.passed:
            return f"{self.environment} → {self.release.digest[:19]} failed · {self.reason}"
        backups = [f" · backup {step.detail}" for step in self.steps if step.name == "restore"]
        return (
            f"{self.environment} → {self.release.digest[:19]} again · restored in {self.seconds_to_restore:.1f} s"
            f"{' · bad release fenced' if self.fenced else ''}{' · a tag of it was moved' if self.moved_tags else ''}"
            f"{''.join(backups)}"
        )

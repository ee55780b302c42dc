"""The model of `sluice.yaml`: what a project declares, with the defaults for what it does not.

The JSON Schema is made from here (`sluice schema`); every field's description is its documentation.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from sluice.config.canary import CanaryConfig
from sluice.config.declared import Declared
from sluice.config.docker import DockerConfig, RegistryLogin
from sluice.config.freeze import Freeze
from sluice.config.image import ImageConfig
from sluice.config.matrix import Matrix
from sluice.config.migrate import MigrateConfig
from sluice.config.scan import FindingWaiver, SarifTool, ScanConfig, SeverityGate
from sluice.config.service import Service
from sluice.config.smoke import HttpCheck, LoadConfig, SmokeConfig, VersionCheck
from sluice.config.testing import CoverageConfig, TestConfig
from sluice.config.texts import (
    Day,
    Name,
    PackageName,
    ProjectPath,
    PythonVersion,
    RefGlob,
    SecretReference,
    ServiceVariable,
)
from sluice.config.units import Duration, Size
from sluice.config.watch import WatchConfig

__all__ = [
    "BuildConfig",
    "CanaryConfig",
    "Config",
    "CoverageConfig",
    "Declared",
    "DockerConfig",
    "Environment",
    "FindingWaiver",
    "Freeze",
    "HttpCheck",
    "ImageConfig",
    "LoadConfig",
    "Matrix",
    "MigrateConfig",
    "Route",
    "SarifTool",
    "ScanConfig",
    "Service",
    "SeverityGate",
    "SmokeConfig",
    "TestConfig",
    "VersionCheck",
    "Waiver",
    "WatchConfig",
]


class BuildConfig(Declared):
    """What a release is made of."""

    kind: Literal["auto", "bundle", "image"] = Field(
        default="auto",
        description="`bundle`: wheel or tree with a locked environment. `image`: what `image` says. "
        "`auto`: an image where `image` is given.",
    )
    image: ImageConfig | None = Field(default=None, description="How an image is built and where it goes.")
    python: PythonVersion | None = Field(
        default=None, description="Python version that the release runs on; the newest tested when empty."
    )
    platforms: tuple[Literal["linux/amd64", "linux/arm64"], ...] = Field(
        default=(), description="Where the release must run; the machine that builds it when empty."
    )
    include: tuple[ProjectPath, ...] = Field(
        default=(),
        description="Globs of files to pack beside the wheel; the tree when the project is no package.",
    )
    exclude: tuple[ProjectPath, ...] = Field(default=(), description="Globs of files to leave out.")
    extras: tuple[PackageName, ...] = Field(default=(), description="Extras that the release installs.")
    timeout: Duration = Field(default=900.0, description="Time limit of the build.")

    @property
    def makes_image(self) -> bool:
        """Tell whether the release is an image."""
        return self.kind != "bundle" and self.image is not None


class Environment(Declared):
    """Where releases run."""

    target: Literal["process", "docker"] = Field(
        default="process", description="How a release runs here: a bundle as processes, an image as containers."
    )
    docker: DockerConfig = Field(default_factory=DockerConfig, description="How containers run, for target `docker`.")
    replicas: int = Field(default=1, strict=True, ge=1, le=64, description="Copies that run behind the proxy.")
    cpu: float = Field(default=1.0, strict=True, gt=0, le=256, description="CPU cores of one replica.")
    memory: Size = Field(default=2**30, description="Memory limit of one replica.")
    variables: dict[ServiceVariable, str] = Field(default_factory=dict, description="Plain variables of the service.")
    secrets: dict[ServiceVariable, SecretReference] = Field(
        default_factory=dict,
        description="Variables taken from secrets: `env:NAME`, `file:/path` or `block:name`.",
    )
    block: Name | None = Field(
        default=None,
        description="Sluice Environment block of Prefect: its variables and secrets are added, those above come first.",
    )
    port: int | None = Field(
        default=None,
        strict=True,
        ge=1,
        le=65535,
        description="Fixed port of the environment on 127.0.0.1; chosen once when empty.",
    )
    protected: bool = Field(
        default=False, strict=True, description="Refuse releases that were not scanned for vulnerabilities."
    )
    promote_from: Name | None = Field(
        default=None, description="Refuse releases that have not passed their smoke test in this environment."
    )
    approvers: tuple[str, ...] = Field(
        default=(),
        description="Users one of whom approves each deploy, never the commit's author; none is asked if empty.",
    )
    approve_within: Duration = Field(default=86400.0, description="Unapproved for so long, a deploy is refused.")
    strategy: Literal["blue-green", "canary"] = Field(
        default="blue-green", description="How a release takes over: at once, or in steps as `canary` says."
    )
    canary: CanaryConfig | None = Field(default=None, description="The steps of strategy `canary`.")
    watch: WatchConfig | None = Field(
        default=None, description="Judge a release for a while after it took over; not at all when left out."
    )
    migrate: MigrateConfig | None = Field(
        default=None, description="How the service's database is migrated before the switch; not at all when left out."
    )
    freeze: tuple[Freeze, ...] = Field(default=(), description="Times in which nothing is deployed.")
    smoke: SmokeConfig | None = Field(default=None, description="Instead of the project's smoke section.")


class Route(Declared):
    """Which refs go to which environment; the first route that matches counts."""

    branch: RefGlob | None = Field(default=None, description="Glob of branch names, e.g. `main`.")
    tag: RefGlob | None = Field(default=None, description="Glob of tags, e.g. `v*`.")
    to: Name = Field(description="Name of the environment.")


class Waiver(Declared):
    """A check whose stop is lowered to a warning for a time."""

    code: str = Field(pattern=r"^[A-Z][0-9]{2}$", description="Code of the check, as docs/no-silent-green.md has it.")
    reason: str = Field(min_length=8, description="Why the run may go on; at least 8 characters.")
    owner: str = Field(min_length=1, description="Who answers for it.")
    expires: Day = Field(description="Last day on which it counts, YYYY-MM-DD, at most a year away.")


class Config(Declared):
    """The whole of `sluice.yaml`."""

    project: Name | None = Field(default=None, description="Project name; the repository's name when empty.")
    test: TestConfig = Field(default=TestConfig(), description="How the project is tested.")
    build: BuildConfig = Field(default=BuildConfig(), description="What a release is made of.")
    scan: ScanConfig = Field(default=ScanConfig(), description="What the scan looks for and what stops a run.")
    service: Service | None = Field(
        default=None, description="How the release runs; without it nothing can be deployed."
    )
    smoke: SmokeConfig = Field(default=SmokeConfig(), description="What must answer after a deploy.")
    environments: dict[Name, Environment] = Field(
        default_factory=dict, description="Where releases run, by name, e.g. `staging`, `production`."
    )
    deploy: tuple[Route, ...] = Field(
        default=(), description="Refs and the environment each goes to; other refs stop after scan."
    )
    unaffected_by: tuple[str, ...] = Field(
        default=(),
        description="Globs of files that change neither tests nor release, e.g. `docs/**`: "
        "a commit that touches only them reuses all results.",
    )
    waivers: tuple[Waiver, ...] = Field(
        default=(), description="Checks that only warn for a time; each is a row, and is shown in every report."
    )
    submodules: bool = Field(default=False, strict=True, description="Check out submodules.")
    lfs: bool = Field(default=False, strict=True, description="Fetch Git LFS files.")

    @property
    def registry_login(self) -> RegistryLogin | None:
        """The login of the registry that images are pushed to."""
        return self.build.image.login if self.build.image else None

    def smoke_of(self, environment: str) -> SmokeConfig:
        """Return the environment's own smoke test, else the project's; where neither asks anything, its health."""
        return (self.environments[environment].smoke or self.smoke).or_health(self.service)

    def waived(self, today: date) -> tuple[str, ...]:
        """Return the codes of the checks whose waiver counts today."""
        return tuple(waiver.code for waiver in self.waivers if date.fromisoformat(waiver.expires) >= today)

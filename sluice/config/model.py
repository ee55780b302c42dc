"""The model of `sluice.yaml`: what a project declares, with the defaults for what it does not.

The JSON Schema is made from here (`sluice schema`); every field's description is its documentation.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from sluice.config.declared import Declared
from sluice.config.matrix import Matrix
from sluice.config.scan import FindingWaiver, SarifTool, ScanConfig, SeverityGate
from sluice.config.service import Service
from sluice.config.smoke import HttpCheck, LoadConfig, SmokeConfig, VersionCheck
from sluice.config.texts import (
    Name,
    PackageName,
    ProjectPath,
    PythonVersion,
    RefGlob,
    Requirement,
    SecretReference,
    ServiceVariable,
    Variable,
)
from sluice.config.units import Duration, Size

__all__ = [
    "BuildConfig",
    "Config",
    "CoverageConfig",
    "Declared",
    "Environment",
    "FindingWaiver",
    "HttpCheck",
    "LoadConfig",
    "Matrix",
    "Route",
    "SarifTool",
    "ScanConfig",
    "Service",
    "SeverityGate",
    "SmokeConfig",
    "TestConfig",
    "VersionCheck",
]


class CoverageConfig(Declared):
    """Coverage of the test stage."""

    enabled: bool = Field(default=True, strict=True, description="Measure coverage of Python tests.")
    source: tuple[str, ...] = Field(default=(), description="Packages or directories to measure; detected when empty.")
    fail_under: float | None = Field(
        default=None, strict=True, ge=0, le=100, description="Gate on line coverage, in percent."
    )
    report: ProjectPath | None = Field(
        default=None,
        description="Coverage that `command` writes, relative to the project: Cobertura or JaCoCo XML, coverage.py's "
        "JSON or LCOV, told apart by content.",
    )


class TestConfig(Declared):
    """How the project is tested; everything left out is detected."""

    __test__: ClassVar[bool] = False

    frameworks: tuple[Literal["pytest", "unittest", "behave", "robot", "command"], ...] = Field(
        default=(), description="Which frameworks to run, in order; detected when empty."
    )
    paths: tuple[ProjectPath, ...] = Field(
        default=(), description="Test files or directories; the framework's own when empty."
    )
    args: tuple[str, ...] = Field(default=(), description="More arguments for the framework.")
    command: tuple[str, ...] = Field(default=(), description="The command of framework `command`, as a list of words.")
    report: ProjectPath | None = Field(
        default=None, description="Report that `command` writes, relative to the project; globs allowed."
    )
    format: Literal["junit", "trx", "robot"] = Field(
        default="junit",
        description="What `report` of `command` is: JUnit XML, TRX of VSTest, or Robot Framework's output.xml.",
    )
    repair: bool = Field(
        default=False,
        strict=True,
        description="Replace characters that no XML may hold in reports by U+FFFD, and say how many there were.",
    )
    setup: tuple[tuple[str, ...], ...] = Field(
        default=(), description="Commands to run first in the workspace, each a list of words."
    )
    extras: tuple[PackageName, ...] = Field(
        default=(), description="Extras of the project to install; `test`, `tests`, `testing`, `dev` are detected."
    )
    groups: tuple[PackageName, ...] = Field(
        default=(), description="Dependency groups to install; `test`, `tests`, `testing`, `dev` are detected."
    )
    requirements: tuple[ProjectPath, ...] = Field(
        default=(), description="Requirements files to install; `requirements-test.txt` and the like are detected."
    )
    packages: tuple[Requirement, ...] = Field(
        default=(), description="More packages to install, as requirement text, e.g. `pytest>=8`."
    )
    env: dict[Variable, str] = Field(default_factory=dict, description="Environment variables of the tests.")
    matrix: Matrix = Field(default=Matrix(), description="Axes; each combination is run on its own.")
    shards: int = Field(
        default=1,
        strict=True,
        ge=1,
        le=64,
        description="Split each cell's tests into this many parts, by recorded durations.",
    )
    timeout: Duration = Field(default=1800.0, description="Time limit of one execution.")
    memory: Size | None = Field(default=None, description="Memory limit of the test processes.")
    coverage: CoverageConfig = Field(default=CoverageConfig(), description="Coverage and its gate.")
    skip: str | None = Field(
        default=None,
        min_length=8,
        description="Reason why this project has no tests; the stage is then skipped by name.",
    )


class BuildConfig(Declared):
    """What a release is made of."""

    kind: Literal["auto", "bundle"] = Field(
        default="auto", description="`bundle`: wheel or tree with a locked environment."
    )
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


class Environment(Declared):
    """Where releases run."""

    target: Literal["process"] = Field(default="process", description="How a release runs here.")
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
    smoke: SmokeConfig | None = Field(default=None, description="Instead of the project's smoke section.")


class Route(Declared):
    """Which refs go to which environment; the first route that matches counts."""

    branch: RefGlob | None = Field(default=None, description="Glob of branch names, e.g. `main`.")
    tag: RefGlob | None = Field(default=None, description="Glob of tags, e.g. `v*`.")
    to: Name = Field(description="Name of the environment.")


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
    submodules: bool = Field(default=False, strict=True, description="Check out submodules.")
    lfs: bool = Field(default=False, strict=True, description="Fetch Git LFS files.")

"""The model of `sluice.yaml`: what a project declares, with the defaults for what it does not.

The JSON Schema is made from here (`sluice schema`); every field's description is its documentation.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from sluice.config.units import Duration, Size

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
HttpPath = Annotated[str, Field(pattern=r"^/\S*$", max_length=2000)]
SeverityGate = Literal["critical", "high", "medium", "low", "none"]


class Declared(BaseModel):
    """Base of all sections: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Matrix(Declared):
    """Axes of the test matrix; each combination is one cell."""

    python: tuple[str, ...] = Field(default=(), description="Python versions, as text: ['3.11', '3.12'].")
    env: dict[Variable, tuple[str, ...]] = Field(
        default_factory=dict, description="Environment variables and their values."
    )


class CoverageConfig(Declared):
    """Coverage of the test stage."""

    enabled: bool = Field(default=True, description="Measure coverage of Python tests.")
    source: tuple[str, ...] = Field(default=(), description="Packages or directories to measure; detected when empty.")
    fail_under: float | None = Field(default=None, ge=0, le=100, description="Gate on line coverage, in percent.")
    report: str | None = Field(default=None, description="Cobertura XML written by `command`, relative to the project.")


class TestConfig(Declared):
    """How the project is tested; everything left out is detected."""

    __test__: ClassVar[bool] = False

    frameworks: tuple[Literal["pytest", "unittest", "behave", "robot", "command"], ...] = Field(
        default=(), description="Which frameworks to run, in order; detected when empty."
    )
    paths: tuple[str, ...] = Field(default=(), description="Test files or directories; the framework's own when empty.")
    args: tuple[str, ...] = Field(default=(), description="More arguments for the framework.")
    command: tuple[str, ...] = Field(default=(), description="The command of framework `command`, as a list of words.")
    report: str | None = Field(
        default=None, description="JUnit XML that `command` writes, relative to the project; globs allowed."
    )
    setup: tuple[tuple[str, ...], ...] = Field(
        default=(), description="Commands to run first in the workspace, each a list of words."
    )
    extras: tuple[str, ...] = Field(default=(), description="Extras of the project to install.")
    groups: tuple[str, ...] = Field(
        default=(), description="Dependency groups to install; `test`/`tests`/`dev` are detected."
    )
    requirements: tuple[str, ...] = Field(default=(), description="Requirements files to install.")
    packages: tuple[str, ...] = Field(default=(), description="More packages to install, as requirement text.")
    env: dict[Variable, str] = Field(default_factory=dict, description="Environment variables of the tests.")
    matrix: Matrix = Matrix()
    shards: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Split each cell's tests into this many parts, by recorded durations.",
    )
    timeout: Duration = Field(default=1800.0, description="Time limit of one execution.")
    memory: Size | None = Field(default=None, description="Memory limit of the test processes.")
    coverage: CoverageConfig = CoverageConfig()
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
    python: str | None = Field(
        default=None, description="Python version that the release runs on; the newest tested when empty."
    )
    include: tuple[str, ...] = Field(
        default=(),
        description="Globs of files to pack beside the wheel; the tree when the project is no package.",
    )
    exclude: tuple[str, ...] = Field(default=(), description="Globs of files to leave out.")
    extras: tuple[str, ...] = Field(default=(), description="Extras that the release installs.")
    timeout: Duration = 900.0


class FindingWaiver(Declared):
    """An accepted finding: who accepted it, why, and until when."""

    fingerprint: str
    reason: str = Field(min_length=8)
    owner: str = Field(min_length=1)
    expires: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class ScanConfig(Declared):
    """What the scan looks for and what stops a run."""

    gate: SeverityGate = Field(default="high", description="Findings of this severity or above stop the run.")
    scanners: tuple[Literal["trivy", "bandit", "hadolint"], ...] = ("trivy", "bandit", "hadolint")
    exclude: tuple[str, ...] = Field(default=(), description="Paths that are not scanned, for example test fixtures.")
    waivers: tuple[FindingWaiver, ...] = ()
    timeout: Duration = 600.0


class Service(Declared):
    """How a release is started: needed for a deploy to a `process` target."""

    command: tuple[str, ...] = Field(min_length=1, description="Command as a list of words; `{port}` is replaced.")
    port_variable: Variable = Field(default="PORT", description="Variable that holds the port to listen on.")
    health: HttpPath = Field(default="/healthz", description="Path that answers 200 when the service can serve.")
    start_timeout: Duration = Field(default=30.0, description="A replica not healthy by then is bad.")
    drain_timeout: Duration = Field(default=10.0, description="How long open requests may take when a replica leaves.")
    stop_timeout: Duration = Field(default=10.0, description="Between TERM and KILL.")


class HttpCheck(Declared):
    """One declared request and what must come back."""

    name: str | None = None
    path: HttpPath
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict, description="Request headers.")
    body: str | None = None
    status: int = Field(default=200, ge=100, le=599)
    contains: str | None = Field(default=None, description="Text that the body must contain.")
    json_path: dict[str, str | int | float | bool | None] = Field(
        default_factory=dict,
        alias="json",
        description="JSONPath to the value it must have, e.g. `$.status: ok`.",
    )
    response_headers: dict[str, str] = Field(default_factory=dict, description="Headers and the value each must have.")
    content_type: str | None = Field(default=None, description="Media type that must come back.")
    max_latency: Duration | None = Field(default=None, description="Slower than this fails.")

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class VersionCheck(Declared):
    """Where the service reports which release answers (SLUICE_COMMIT and SLUICE_RELEASE are in its environment)."""

    path: HttpPath = "/version"
    json_path: str = Field(default="$.commit", alias="json", description="JSONPath of the value.")
    value: Literal["commit", "digest", "version"] = "commit"

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class LoadConfig(Declared):
    """A short k6 load with thresholds."""

    path: HttpPath = "/"
    users: int = Field(default=5, ge=1, le=200)
    duration: Duration = 3.0
    max_error_rate: float = Field(default=0.01, ge=0, le=1)
    max_p95: Duration = Field(default=1.0, description="95th percentile of the request duration.")
    when: Literal["new_release", "always"] = Field(
        default="new_release", description="Load only a release that is new here, or each time."
    )


class SmokeConfig(Declared):
    """What must answer after a deploy."""

    checks: tuple[HttpCheck, ...] = Field(default=(), description="Requests; the service's health path when empty.")
    version: VersionCheck | None = None
    load: LoadConfig | None = None
    timeout: Duration = 60.0


class Environment(Declared):
    """Where releases run."""

    target: Literal["process"] = "process"
    replicas: int = Field(default=1, ge=1, le=64)
    cpu: float = Field(default=1.0, gt=0, le=256, description="CPU cores of one replica.")
    memory: Size = Field(default=2**30, description="Memory limit of one replica.")
    variables: dict[Variable, str] = Field(default_factory=dict, description="Plain variables of the service.")
    secrets: dict[Variable, str] = Field(
        default_factory=dict,
        description="Variables taken from secrets: `env:NAME`, `file:/path` or `block:NAME`.",
    )
    port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Fixed port of the environment on 127.0.0.1; chosen once when empty.",
    )
    protected: bool = Field(default=False, description="Refuse releases that were not scanned for vulnerabilities.")
    smoke: SmokeConfig | None = Field(default=None, description="Instead of the project's smoke section.")


class Route(Declared):
    """Which refs go to which environment; the first route that matches counts."""

    branch: str | None = Field(default=None, description="Glob of branch names, e.g. `main`.")
    tag: str | None = Field(default=None, description="Glob of tags, e.g. `v*`.")
    to: Name


class Config(Declared):
    """The whole of `sluice.yaml`."""

    project: Name | None = Field(default=None, description="Project name; the repository's name when empty.")
    test: TestConfig = TestConfig()
    build: BuildConfig = BuildConfig()
    scan: ScanConfig = ScanConfig()
    service: Service | None = Field(
        default=None, description="How the release runs; without it nothing can be deployed."
    )
    smoke: SmokeConfig = SmokeConfig()
    environments: dict[Name, Environment] = Field(default_factory=dict)
    deploy: tuple[Route, ...] = Field(
        default=(), description="Refs and the environment each goes to; other refs stop after scan."
    )
    submodules: bool = Field(default=False, description="Check out submodules.")
    lfs: bool = Field(default=False, description="Fetch Git LFS files.")

"""The `test` section of `sluice.yaml`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from sluice.config.declared import Declared
from sluice.config.matrix import Matrix
from sluice.config.texts import PackageName, ProjectPath, Requirement, Variable
from sluice.config.units import Duration, Size


class CoverageConfig(Declared):
    """Coverage of the test stage."""

    enabled: bool = Field(default=True, strict=True, description="Measure coverage of Python tests.")
    source: tuple[str, ...] = Field(default=(), description="Packages or directories to measure; detected when empty.")
    fail_under: float | None = Field(
        default=None, strict=True, ge=0, le=100, description="Gate on line coverage, in percent."
    )
    changed_lines: float | None = Field(
        default=None,
        strict=True,
        ge=0,
        le=100,
        description="Gate on coverage of the lines that the change wrote, in percent; see the report of a run.",
    )
    max_drop: float = Field(
        default=5.0, strict=True, ge=0, le=100, description="Percent points that coverage may fall below what is usual."
    )
    report: ProjectPath | None = Field(
        default=None,
        description="Coverage that `command` writes, relative to the project: Cobertura or JaCoCo XML, coverage.py's "
        "JSON or LCOV, told apart by content.",
    )

    @property
    def is_gated(self) -> bool:
        """Tell whether a gate needs coverage."""
        return self.fail_under is not None or self.changed_lines is not None


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
    max_drop: float = Field(
        default=10.0,
        strict=True,
        ge=0,
        le=100,
        description="Percent of the tests that may be gone while no test file was deleted.",
    )
    timeout: Duration = Field(default=1800.0, description="Time limit of one execution.")
    memory: Size | None = Field(default=None, description="Memory limit of the test processes.")
    coverage: CoverageConfig = Field(default=CoverageConfig(), description="Coverage and its gate.")
    skip: str | None = Field(
        default=None,
        min_length=8,
        description="Reason why this project has no tests; the stage is then skipped by name.",
    )

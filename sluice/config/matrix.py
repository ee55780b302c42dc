"""The matrix of the test stage."""

from __future__ import annotations

from pydantic import Field

from sluice.config.declared import Declared
from sluice.config.texts import PythonVersion, Variable


class Matrix(Declared):
    """Axes of the test matrix; each combination is one cell."""

    python: tuple[PythonVersion, ...] = Field(
        default=(), description="Python versions that must be installed here, e.g. `[3.11, 3.12]`."
    )
    env: dict[Variable, tuple[str, ...]] = Field(
        default_factory=dict, description="Environment variables and their values."
    )

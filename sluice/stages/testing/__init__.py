"""The test stage: one cell of the matrix at a time, in an isolated environment, by the project's own runner."""

from sluice.stages.testing.again import remains
from sluice.stages.testing.cell import run_tests
from sluice.stages.testing.changed_lines import changed_lines
from sluice.stages.testing.inputs import inputs
from sluice.stages.testing.matrix import cells, merge

__all__ = ["cells", "changed_lines", "inputs", "merge", "remains", "run_tests"]

"""What makes it impossible to test at all."""

from __future__ import annotations

from sluice.errors import Exit, SluiceError, ToolMissingError


class TestSetupError(SluiceError):
    """The project's test environment cannot be made from what the project declares."""

    __test__ = False  # pytest collects names that begin with Test
    code = "TEST_SETUP_FAILED"
    exit_code = Exit.TESTS_RED
    next_step = "Mend the project's dependencies or `test:` in sluice.yaml; the whole output is in the stage's log."


class PythonMissingError(ToolMissingError):
    """A Python version that a cell asks for is not on this machine; another one never stands in for it."""

    code = "PYTHON_MISSING"
    next_step = "Install it, or take it out of test.matrix.python; `sluice doctor` shows the versions that are here."

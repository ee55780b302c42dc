"""How the test stage calls uv: quietly, with the project's settings, never downloading a Python."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from sluice.command import Completed, LineSink, run
from sluice.errors import CommandError, Exit, SluiceError, TransientError
from sluice.tools import programs

TIMEOUT = 900.0
_DROPPED = re.compile(r"^(?:VIRTUAL_ENV|CONDA_|PYTHON|PREFECT_|SLUICE_|UV_PROJECT|PYTEST_|COVERAGE_|GIT_(?!SSL))")
_NETWORK = re.compile(
    r"error sending request|Failed to fetch|dns error|Connection (?:refused|reset)|operation timed out|"
    r"status client error \(429|status server error|tls handshake",
    re.I,
)


class TestSetupError(SluiceError):
    """The project's test environment cannot be made from what the project declares."""

    __test__ = False
    code = "TEST_SETUP_FAILED"
    exit_code = Exit.TESTS_RED
    next_step = "Mend the project's dependencies or `test:` in sluice.yaml; the whole output is in the stage's log."


def uv_program() -> str:
    """Return the path of the uv that Sluice uses."""
    return str(programs.find("uv"))


def uv_environment(cache: Path | None = None) -> dict[str, str]:
    """Return our environment without what would change uv's mind; its cache in `cache` unless UV_CACHE_DIR is set."""
    kept = {name: value for name, value in os.environ.items() if not _DROPPED.match(name)}
    if cache is not None:
        kept.setdefault("UV_CACHE_DIR", str(cache))
    return {**kept, "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never", "LANG": "C.UTF-8"}


def uv(
    words: Sequence[str | Path], *, cwd: Path, cache: Path, log: LineSink, stdin: str | None = None, doing: str
) -> Completed:
    """Run uv with `words` in `cwd`.

    Args:
        doing: what it is for, in the error ("resolve the test dependencies").

    Raises:
        TestSetupError: uv refuses what the project declares.
        TransientError: the network or the index failed.
    """
    try:
        return run(
            [uv_program(), *words], cwd=cwd, env=uv_environment(cache), timeout=TIMEOUT, log=log, stdin=stdin, grace=2.0
        )
    except CommandError as error:
        text = error.next_step
        if error.code == "TIMED_OUT" or _NETWORK.search(text):
            raise TransientError(f"cannot {doing}: the network or the package index failed", next_step=text) from error
        raise TestSetupError(f"cannot {doing}", next_step=f"{text}\n{TestSetupError.next_step}") from error

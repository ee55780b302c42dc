"""Reading reports of untrusted code: the parser runs in a limited child, only its numbers and rows come back."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sluice.command import Completed, run
from sluice.results import child
from sluice.results.problems import ReportError

WALL_SECONDS = 180.0
_SCRIPT = Path(child.__file__).resolve()


def parse(
    kind: str, files: Sequence[Path], rows: Path, *, names: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    """Parse `files` as `kind`, write the rows to `rows`, return what the parser counted.

    Args:
        kind: which parser: `junit`, `coverage` or `sarif`.
        files: copies that nobody writes to any more.
        rows: the CSV file to write.
        names: path of a copy → the file's own name, for messages.
        more: options of the parser, as JSON.

    Raises:
        ReportError: the files cannot be believed, or reading them broke a limit.
    """
    request, result = rows.with_suffix(".request.json"), rows.with_suffix(".result.json")
    options = {"kind": kind, "files": [str(path) for path in files], "rows": str(rows), "names": names or {}, **more}
    request.write_text(json.dumps(options), encoding="utf-8")
    result.unlink(missing_ok=True)
    done = run(
        [sys.executable, "-I", "-S", _SCRIPT, request, result],
        env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        timeout=WALL_SECONDS,
        accept=None,
        grace=1.0,
    )
    found = _answer(done, result)
    if "problem" in found:
        raise ReportError(found["problem"]["code"], found["problem"]["message"])
    return found


def _answer(done: Completed, result: Path) -> dict[str, Any]:
    if done.exit_code == 0 and result.is_file():
        answer: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return answer
    if done.timed_out or done.signal in (signal.SIGXCPU, signal.SIGKILL):
        raise ReportError("REPORT_LIMIT", f"needs more than {child.CPU_SECONDS} s of CPU to be read")
    if done.signal is None and "MemoryError" not in done.errors:
        # Our own parser broke: that is a bug of ours, and the report is still not believed.
        raise ReportError("REPORT_LIMIT", f"the parser failed: {done.tail(1)[-300:]}")
    raise ReportError("REPORT_LIMIT", f"needs more than {child.MEMORY >> 20} MiB to be read")

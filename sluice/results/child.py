"""Parses reports inside limits: `python -I -S child.py REQUEST.json RESULT.json`.

Runs as a bare script with the standard library only. The limits hold for this process alone, whatever the file does
to the parser; the parent reads nothing of the file itself.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluice.results.junit import Document

MEMORY = 512 << 20  # bytes of address space
CPU_SECONDS = 60
FILE_BYTES = 2 << 30  # the largest file that it may write
OPTIONS = ("merge_repeats", "repair")  # of the reader of reports


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def junit(request: dict[str, Any]) -> dict[str, Any]:
    """Read files of test results into one `cases.csv`; return the tally and the drift (declared - actual counters)."""
    from sluice.results.cases import CaseWriter
    from sluice.results.counters import Level
    from sluice.results.junit import read_junit
    from sluice.results.robot_output import read_robot
    from sluice.results.suite_output import MAX_OUTPUTS
    from sluice.results.trx import read_trx

    readers: dict[str, Callable[..., Document]] = {"junit": read_junit, "robot": read_robot, "trx": read_trx}
    read = readers[request.get("format", "junit")]
    whole = Level()
    properties: dict[str, str] = {}
    timestamps: list[str] = []
    repaired = cut = 0
    outputs: list[dict[str, object]] = []
    with Path(request["rows"]).open("w", encoding="utf-8", newline="", buffering=1 << 20) as file:
        root = request.get("root", "")
        writer = CaseWriter(file, frozenset(request.get("xpassed", ())), request.get("left_out"), root)
        for path in request["files"]:
            with _naming(request, path):
                options = {name: bool(request.get(name)) for name in OPTIONS}
                document = read(Path(path), writer, root=root, **options)
            whole.take(document.level)
            properties |= document.properties
            timestamps.append(document.timestamp)
            repaired += document.repaired
            outputs += document.outputs.kept
            cut += document.outputs.cut
    drift = whole.whole_drift() if whole.declares else None
    tally = {**asdict(writer.tally), "written": writer.written}
    about = {"properties": properties, "timestamps": timestamps, "repaired": repaired}
    said = {"suite_output": outputs[:MAX_OUTPUTS], "output_cut": cut + max(0, len(outputs) - MAX_OUTPUTS)}
    return {**tally, "drift": drift, "elements": whole.inner, **about, **said}


def coverage(request: dict[str, Any]) -> dict[str, Any]:
    """Read one coverage report into `coverage.csv`; return its totals."""
    from sluice.results.coverage_formats import read_coverage
    from sluice.results.coverage_rows import CoverageWriter

    (path,) = request["files"]
    with Path(request["rows"]).open("w", encoding="utf-8", newline="", buffering=1 << 20) as file:
        writer = CoverageWriter(file, request.get("root", ""))
        with _naming(request, path):
            read_coverage(Path(path), writer)
        return asdict(writer.totals())


def sarif(request: dict[str, Any]) -> dict[str, Any]:
    """Read SARIF files into one `findings.csv`; return the tools that wrote them and what was odd."""
    from sluice.results.sarif import SarifWriter, read_sarif

    with Path(request["rows"]).open("w", encoding="utf-8", newline="", buffering=1 << 20) as file:
        writer = SarifWriter(file, request.get("root", ""))
        for path in request["files"]:
            with _naming(request, path):
                read_sarif(Path(path), writer)
        return {"tools": writer.tools, "warnings": writer.warnings}


class _naming:  # noqa: N801 - reads as a verb in `with`
    """Puts the report's own name in front of what is wrong with it."""

    def __init__(self, request: dict[str, Any], path: str) -> None:
        self._name = request.get("names", {}).get(path, Path(path).name)

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from sluice.results.problems import ReportError

        if isinstance(error, ReportError):
            raise ReportError(error.code, f"{self._name}: {error.message}") from error


def main(request_path: str, result_path: str) -> None:
    """Do what the request says; a problem with the report is a result, not a failure of this program."""
    _limit()
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from sluice.results.problems import ReportError

    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    result: dict[str, Any]
    try:
        result = {"junit": junit, "coverage": coverage, "sarif": sarif}[request["kind"]](request)
    except ReportError as error:
        result = {"problem": {"code": error.code, "message": error.message}}
    except (MemoryError, RecursionError):
        result = {"problem": {"code": "REPORT_LIMIT", "message": f"needs more than {MEMORY >> 20} MiB to be read"}}
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

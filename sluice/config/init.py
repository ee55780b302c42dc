"""Write a first `sluice.yaml` from what was found, with the reason beside each line."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sluice.config.detect import Detected
from sluice.config.load import FILE_NAME
from sluice.errors import UsageError

_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_./+-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

_HEAD = """\
# yaml-language-server: $schema=sluice.schema.json
# Written by `sluice init` from what it found here; what is left out is found again by each run.
# `sluice check` reads this file, `sluice plan` says what would run. `sluice schema > sluice.schema.json` gives editors
# the key to the line above: they then complete and check.
"""

_NO_TESTS = """\
# No tests were found, and a run without tests is stopped (T01). Either say how they run:
# test:
#   command: [make, test]       # a list of words; no shell
#   report: reports/*.xml       # JUnit XML that the command writes
# or say that there are none:
# test:
#   skip: Only documents live here
"""

_SCAN = """\
scan:
  gate: high                    # findings of this severity or above stop the run
"""

_SUBMODULES = "# submodules: true\n"

_ENVIRONMENTS = """\
environments:
  staging:
    replicas: 2
    cpu: 0.5                    # cores of one replica
    memory: 1Gi                 # of one replica
  production:
    replicas: 3
    cpu: 1.0
    memory: 2Gi
    protected: true             # refuses a release that was not scanned for vulnerabilities

# The first route that matches counts. Pull requests and all other refs stop after scan.
deploy:
  - branch: {branch}
    to: staging
  - tag: v*
    to: production
"""

_SERVICE = """\
service:
  command: {command}
  health: {health}{note}
"""


def write_file(directory: Path, text: str, *, force: bool) -> Path:
    """Write `sluice.yaml` and return its path; an existing one only by `force`, and then all at once.

    Raises:
        UsageError: there is one already, or it cannot be written.
    """
    path = directory / FILE_NAME
    if os.path.lexists(path) and not force:
        raise UsageError(f"{FILE_NAME} is there already", where=str(path), next_step="Overwrite it with --force.")
    try:
        handle, name = tempfile.mkstemp(dir=directory, prefix=f".{FILE_NAME}-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise UsageError(f"{FILE_NAME} cannot be written: {error.strerror}", where=str(path)) from error
    return path


def file_text(detected: Detected, branch: str = "main") -> str:
    """Return a `sluice.yaml` that says what was found and gives the same effective configuration.

    Args:
        branch: what goes to staging.
    """
    why = next((c.reason for c in detected.conclusions if c.subject == "project"), "")
    parts = [_HEAD, f"project: {_scalar(detected.project):<21} # {why}\n", _tests(detected)]
    parts += [_SCAN, *_submodules(detected), *_deployment(detected, branch)]
    return "\n".join(parts)


def _submodules(detected: Detected) -> list[str]:
    if not detected.submodules:
        return []
    names = f"# Submodules: {', '.join(detected.submodules)}. Without the line below a run is stopped (C03); their"
    return [f"{names}\n# URLs are not trusted, so look at .gitmodules before you take the # away.\n{_SUBMODULES}"]


def _scalar(text: str) -> str:
    return text if _SAFE.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)


def _list(words: Iterable[str]) -> str:
    return f"[{', '.join(_scalar(word) for word in words)}]"


def _reasons(detected: Detected, subject: str) -> list[str]:
    return [f"  # {c.found}: {c.reason}" for c in detected.conclusions if c.subject == subject]


def _given(detected: Detected, *keys: str) -> list[str]:
    return [f"  {key}: {_list(getattr(detected, key))}" for key in keys if getattr(detected, key)]


def _tests(detected: Detected) -> str:
    hints = _reasons(detected, "test framework")
    if not detected.frameworks:
        return "\n".join(line.strip() for line in hints) + "\n" + _NO_TESTS
    lines = ["test:", *hints, f"  frameworks: {_list(detected.frameworks)}"]
    lines += _given(detected, "paths", "command")
    if detected.report:
        lines.append(f"  report: {_scalar(detected.report)}")
    if detected.setup:
        lines.append(f"  setup: [{', '.join(_list(words) for words in detected.setup)}]")
    if detected.env:
        lines += ["  env:", *(f"    {name}: {_scalar(value)}" for name, value in detected.env.items())]
    if set(detected.frameworks) - {"command"}:
        lines += _python_tests(detected)
    return "\n".join([*lines, "  timeout: 30m", ""])


def _python_tests(detected: Detected) -> list[str]:
    lines = _reasons(detected, "test dependencies")
    lines += _given(detected, "groups", "extras", "requirements", "packages")
    if detected.coverage_source:
        lines += ["  coverage:", *(f"  {line}" for line in _reasons(detected, "coverage"))]
        lines.append(f"    source: {_list(detected.coverage_source)}")
    return lines


def _deployment(detected: Detected, branch: str) -> list[str]:
    """Return service, smoke, environments and routes; as comments when nothing was found that could serve."""
    environments = _ENVIRONMENTS.format(branch=_scalar(branch))
    if not detected.service_command:
        example = _SERVICE.format(command="[python, -m, myservice]", health="/healthz", note="") + "\n" + environments
        lead = "# No service was found, so nothing is deployed. If there is one, say how it starts and where it goes:\n"
        return [lead + "".join(f"# {line}".rstrip() + "\n" for line in example.splitlines())]
    note = "" if detected.service_health != "/" else "                     # must answer 200 when the service can serve"
    service = _SERVICE.format(command=_list(detected.service_command), health=detected.service_health, note=note)
    hints = "".join(f"{line.strip()}\n" for line in _reasons(detected, "service"))
    return [hints + service, _smoke(detected), environments]


def _smoke(detected: Detected) -> str:
    lines = ["smoke:", "  checks:", f"    - path: {detected.service_health}", "      status: 200"]
    if detected.service_version:
        lines += ["  version:", f"    path: {detected.service_version}", "    json: $.commit"]
    return "\n".join([*lines, "  load:", f"    path: {detected.service_health}", "    duration: 3s", ""])

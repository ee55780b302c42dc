"""Development dependencies in Poetry's own tables, as requirement lines that uv reads.

The main dependencies need no translation: uv gets them from the project's build backend.
"""

from __future__ import annotations

import re
from typing import Any

from sluice.config.model import TestConfig
from sluice.stages.testing.dependencies import Project

_CARET = re.compile(r"\^\s*(\d+(?:\.\d+)*)(\S*)")
_TILDE = re.compile(r"~\s*(\d+(?:\.\d+)*)(\S*)")
_WILDCARD = re.compile(r"\d+(?:\.\d+)*\.\*")
_PLAIN = re.compile(r"\d+(?:\.\d+)*\S*")


def poetry_requirements(project: Project, config: TestConfig) -> list[str]:
    """Return the requirement lines of the groups that the configuration names (`dev` is the old dev-dependencies)."""
    poetry = project.document.get("tool", {}).get("poetry", {})
    lines = []
    for group in config.groups:
        table = poetry.get("group", {}).get(group, {}).get("dependencies", {})
        if group == "dev":
            table = {**poetry.get("dev-dependencies", {}), **table}
        lines += [line for name, spec in table.items() if (line := requirement(name, spec))]
    return lines


def requirement(name: str, spec: Any) -> str | None:
    """Return one dependency of Poetry as PEP 508 text; None for what stands in the workspace or is optional."""
    if isinstance(spec, str):
        return name + constraint(spec)
    if isinstance(spec, list):
        return requirement(name, spec[0]) if spec else None
    if not isinstance(spec, dict) or spec.get("optional") or "path" in spec:
        return None
    extras = f"[{','.join(spec['extras'])}]" if spec.get("extras") else ""
    if "git" in spec:
        ref = next((f"@{spec[key]}" for key in ("rev", "tag", "branch") if key in spec), "")
        return f"{name}{extras} @ git+{spec['git']}{ref}"
    if "url" in spec:
        return f"{name}{extras} @ {spec['url']}"
    markers = [str(spec["markers"])] if "markers" in spec else []
    if "python" in spec:
        markers += [_python_marker(part) for part in constraint(str(spec["python"])).split(",") if part]
    tail = " ; " + " and ".join(f"({marker})" for marker in markers) if markers else ""
    return name + extras + constraint(str(spec.get("version", "*"))) + tail


def _python_marker(part: str) -> str:
    match = re.match(r"(\W+)(.+)", part)
    return f"python_version {match[1]} '{match[2]}'" if match else "python_version >= '3'"


def constraint(text: str) -> str:
    """Return a version constraint of Poetry (`^1.2`, `~1.2`, `1.*`, `>=1,<2`) as PEP 440 text."""
    text = text.split("||")[-1].strip()  # of alternatives the last is the newest
    return ",".join(filter(None, (_one(part.strip()) for part in text.split(","))))


def _one(part: str) -> str:
    if part in ("", "*"):
        return ""
    if match := _CARET.fullmatch(part):
        numbers = [int(word) for word in match[1].split(".")]
        first = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
        upper = [*numbers[:first], numbers[first] + 1]
        return f">={match[1]}{match[2]},<{'.'.join(map(str, upper))}"
    if match := _TILDE.fullmatch(part):
        numbers = [int(word) for word in match[1].split(".")]
        upper = [numbers[0] + 1] if len(numbers) == 1 else [numbers[0], numbers[1] + 1]
        return f">={match[1]}{match[2]},<{'.'.join(map(str, upper))}"
    if _WILDCARD.fullmatch(part) or _PLAIN.fullmatch(part):
        return f"=={part}"
    return "".join(part.split())

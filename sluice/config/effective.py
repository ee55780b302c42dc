"""What a run really goes by: what `sluice.yaml` declares, and what was found for everything that it leaves out."""

from __future__ import annotations

from typing import Any

from sluice.config.detect import Detected
from sluice.config.model import Config, TestConfig

_INSTALLED = ("groups", "extras", "requirements")


def effective(config: Config, detected: Detected) -> Config:
    """Return `config` with every gap filled from `detected`.

    What is declared always stands, an empty list too. Whoever declares one of groups, extras and requirements declares
    them all; `packages` come beside what was found. A declared `command` is the only framework unless others are named.
    """
    return config.model_copy(
        update={"project": config.project or detected.project, "test": _tests(config.test, detected)},
    )


def _tests(test: TestConfig, detected: Detected) -> TestConfig:
    if test.skip:
        return test
    declared = {name for name in test.model_fields_set if getattr(test, name) is not None}
    filled = _frameworks(test, declared, detected)
    frameworks = filled.get("frameworks", test.frameworks)
    if set(frameworks) - {"command"}:
        filled |= _dependencies(test, declared, detected)
        if not test.coverage.source:
            filled["coverage"] = test.coverage.model_copy(update={"source": detected.coverage_source})
    return test.model_copy(update=filled)


def _frameworks(test: TestConfig, declared: set[str], detected: Detected) -> dict[str, Any]:
    """Return frameworks, and with them what belongs to them: paths, the command and its surroundings."""
    filled: dict[str, Any] = {}
    if "frameworks" not in declared:
        filled["frameworks"] = ("command",) if "command" in declared else detected.frameworks
    frameworks = filled.get("frameworks", test.frameworks)
    if "paths" not in declared and tuple(frameworks) == detected.frameworks:
        filled["paths"] = detected.paths
    if "command" in frameworks and "command" not in declared:
        filled |= {"command": detected.command, "report": detected.report}
        filled["env"] = {**detected.env, **test.env}
        if "setup" not in declared:
            filled["setup"] = detected.setup
    return filled


def _dependencies(test: TestConfig, declared: set[str], detected: Detected) -> dict[str, Any]:
    if declared.intersection(_INSTALLED):
        return {}
    found = {name: getattr(detected, name) for name in _INSTALLED}
    return {**found, "packages": tuple(dict.fromkeys([*detected.packages, *test.packages]))}

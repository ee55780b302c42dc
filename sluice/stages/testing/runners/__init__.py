"""The frameworks: how each is called, and where its report is."""

from __future__ import annotations

from sluice.stages.testing.runners.behave import Behave
from sluice.stages.testing.runners.command import Command
from sluice.stages.testing.runners.pytest import Pytest
from sluice.stages.testing.runners.robot import Robot
from sluice.stages.testing.runners.runner import Runner
from sluice.stages.testing.runners.unittest import Unittest

RUNNERS: dict[str, Runner] = {
    "pytest": Pytest(),
    "unittest": Unittest(),
    "behave": Behave(),
    "robot": Robot(),
    "command": Command(),
}

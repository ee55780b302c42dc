"""The projects whose histories are simulated: each has a character of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.clean import project_tests, project_upkeep  # they register what is done
from benchmarks.clean.records import Habits
from benchmarks.clean.serving import Site

DOERS = (project_tests, project_upkeep)

USUAL: Mapping[str, float] = {
    "edit_code": 40,
    "edit_words": 10,
    "new_tests": 14,
    "new_module": 5,
    "new_code_untested": 3,
    "more_parameters": 3,
    "fewer_parameters": 1,
    "tests_put_together": 0.7,
    "delete_test_file": 0.7,
    "remove_module": 1,
    "rename_tests": 1.5,
    "split_tests": 1.5,
    "merge_tests": 0.7,
    "skip_some": 2,
    "mend_skips": 1,
    "upgrade_packages": 8,
    "add_package": 1.5,
    "drop_package": 1,
    "change_tools": 0.7,
    "change_interpreter": 0.7,
    "add_asset": 1,
    "drop_asset": 0.4,
}
MOVING = {"rename_tests": 8, "move_all_tests": 4, "rewrite_tests": 6, "split_tests": 6, "merge_tests": 5}
MOVING |= {"delete_test_file": 4, "remove_module": 4, "tests_put_together": 4, "fewer_parameters": 3}


@dataclass(frozen=True)
class Character:
    """A project: how large it begins, what it is fond of, how it is tested and served."""

    name: str
    modules: int
    tests: int
    habits: Habits = field(default_factory=Habits)
    fond_of: Mapping[str, float] = field(default_factory=dict)
    branches: float = 0.15  # share of the commits that begin a branch

    @property
    def weights(self) -> dict[str, float]:
        """What it does, and how often."""
        return {**USUAL, **self.fond_of}


STAGING = Site("staging", 0.05)
PRODUCTION = Site("production", 0.02, replicas=4, places=(1.0, 1.1, 1.3), failing=0.001, promote_from="staging")
CHARACTERS = (
    Character("tiny", 3, 14, Habits(typical=0.0004)),
    Character("library", 8, 160),
    Character("parametrised", 20, 2600, Habits(typical=0.002), {"more_parameters": 12, "fewer_parameters": 6}),
    Character(
        "service", 12, 220, Habits(typical=0.03, sites=(Site(p95=0.018),)), {"add_package": 3, "drop_package": 2}
    ),
    Character("slow-service", 6, 60, Habits("unittest", typical=0.2, sites=(Site(p95=0.35),)), branches=0.0),
    Character("growing-service", 6, 60, Habits(sites=(Site(p95=0.04, growth=0.012, replicas=3),)), {"new_module": 20}),
    Character("uneven-replicas", 5, 40, Habits(sites=(Site(p95=0.03, replicas=4, places=(1.0, 1.4, 2.5, 6.0)),))),
    Character("canary", 5, 50, Habits(sites=(Site("production", 0.06, replicas=3, failing=0.002, users=30.0),))),
    Character("two-environments", 8, 90, Habits(sites=(STAGING, PRODUCTION)), branches=0.3),
    Character("monorepo", 40, 900, Habits(shards=3), {"new_module": 12, "remove_module": 3, "change_tools": 3}),
    Character("flaky", 10, 120, Habits(typical=0.3, flaky=0.3)),
    Character("refactoring", 12, 180, Habits(), MOVING),
    Character("platforms", 8, 90, Habits(), {"new_platform": 3, "drop_platform": 2, "tests_for_elsewhere": 4}),
    Character("plugins", 6, 60, Habits(), {"tests_of_each_plugin": 10, "drop_plugins": 3}),
    Character(
        "frontend", 10, 300, Habits("jest", typical=0.01, measured=False), {"upgrade_packages": 20, "add_asset": 6}
    ),
)

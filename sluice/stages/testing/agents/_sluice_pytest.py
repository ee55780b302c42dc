"""A pytest plugin that writes down what the JUnit report leaves out; it changes no result.

Where a shard was asked for, it also deselects the tests of the other shards, after all other selection.
"""

# Runs in the project's Python, from 3.7 on, beside its own code: as plain and as old as that.
# ruff: noqa: ARG002, PTH100, PTH118, PTH120, PTH123
# mypy: ignore-errors

from __future__ import annotations

import json
import os
import re

import pytest
from _sluice_shards import split

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "_sluice_plan.json"), encoding="utf-8") as _file:
    PLAN = json.load(_file)
STRICT = "[XPASS(strict)]"  # how pytest's words on a strict expected failure that passed begin


def case_id(nodeid):
    """Return `classname::name` as pytest's own JUnit report writes them."""
    path, bracket, parameters = nodeid.partition("[")
    names = path.split("::")
    names[0] = re.sub(r"\.py$", "", names[0].replace("/", "."))
    names[-1] += bracket + parameters
    classname = ".".join(names[:-1])
    return classname + "::" + names[-1] if classname else names[-1]


def counter_of_report(config):
    """Return the number that pytest writes into its JUnit report as `tests`.

    It is no number of tests: one that passes and breaks in teardown counts twice, and each subtest counts once.
    """
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "cnt_double_fail_tests"):
            return sum(plugin.stats[kind] for kind in ("passed", "failure", "skipped", "error")) - (
                plugin.cnt_double_fail_tests
            )
    return None


class Recorder:
    """Counts what happens in the controlling process and writes each start at once: a kill must leave a trace."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - open until the process ends
        self.deselected = 0
        self.xpassed = []
        self.strict = []
        self.reruns = []
        self.skipped_files = []
        self.broken_files = 0
        self.collected = None
        self.ids = []
        self.ran = []

    def write(self, kind, **more):
        self.file.write(json.dumps(dict(more, event=kind)) + "\n")

    def pytest_collectreport(self, report):
        """A file that is skipped or broken as a whole is one case of the report."""
        if report.skipped:
            self.skipped_files.append(case_id(report.nodeid))
        elif report.failed:
            self.broken_files += 1

    def pytest_deselected(self, items):
        self.deselected += len(items)

    def pytest_collection_finish(self, session):
        if self.collected is None:
            self.collected = getattr(session.config, "_sluice_collected", len(session.items))
            self.ids = getattr(session.config, "_sluice_ids", [])
        self.write_collected()

    def write_collected(self):
        ids = self.ids + self.skipped_files if self.ids else []
        self.write("collected", count=self.collected + len(self.skipped_files) + self.broken_files, ids=ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids):
        self.collected = max(self.collected or 0, len(ids))
        self.write_collected()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        """A worker of xdist has told what it found before it was split."""
        told = getattr(node, "workeroutput", None) or {}
        if told.get("sluice_ids"):
            self.ids, self.collected = told["sluice_ids"], len(told["sluice_ids"])
            self.write_collected()

    def pytest_runtest_logstart(self, nodeid, location):
        self.write("start", id=nodeid)

    def pytest_runtest_logfinish(self, nodeid, location):
        self.write("finish", id=nodeid)
        if PLAN["shards"] > 1:
            self.ran.append(case_id(nodeid))

    def pytest_runtest_logreport(self, report):
        if report.outcome == "rerun":
            self.reruns.append(case_id(report.nodeid))
        elif getattr(report, "sluice_strict", False):
            self.strict.append(case_id(report.nodeid))
        elif report.passed and report.when == "call" and hasattr(report, "wasxfail"):
            self.xpassed.append(case_id(report.nodeid))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session, exitstatus):
        if exitstatus == 5 and getattr(session.config, "_sluice_collected", 0) and PLAN["shards"] > 1:
            session.exitstatus = 0  # fewer tests than shards: nothing to do here is no failure
        self.write(
            "end",
            counter=counter_of_report(session.config),
            deselected=self.deselected,
            xpassed=self.xpassed,
            strict=self.strict,
            reruns=self.reruns,
            skipped_files=self.skipped_files,
            ran=self.ran,
            only=getattr(session.config, "_sluice_only", False),
            pytest=pytest.__version__,
        )


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(call):
    """Note what pytest says of an expected failure that passed, before a hook of the project says otherwise.

    The mark is an attribute of the report, so that a worker of xdist sends it to its controller.
    """
    report = (yield).get_result()
    told = str(report.longrepr) if call.when == "call" and report.failed else ""
    if told.startswith(STRICT) or told.strip() == "Unexpected success":  # the latter: of a unittest.TestCase
        report.sluice_strict = True


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # a worker of xdist reports to its controller
        config.pluginmanager.register(Recorder(PLAN["events"]), "_sluice_recorder")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    config._sluice_collected = len(items)
    mine = set(PLAN["only"])
    if mine:
        config._sluice_only = mine <= {case_id(item.nodeid) for item in items}
        if not config._sluice_only:
            return  # one of them was no test of its own: everything runs
        config._sluice_collected = len(mine)
    elif PLAN["shards"] == 1:
        return
    else:
        config._sluice_ids = [case_id(item.nodeid) for item in items]
        if hasattr(config, "workeroutput"):
            config.workeroutput["sluice_ids"] = config._sluice_ids
        parts = split(config._sluice_ids, PLAN["durations"], PLAN["shards"])
        mine = set(parts[PLAN["shard"] - 1])
    kept = [item for item in items if case_id(item.nodeid) in mine]
    dropped = [item for item in items if case_id(item.nodeid) not in mine]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept

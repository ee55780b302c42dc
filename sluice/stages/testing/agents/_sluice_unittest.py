"""Runs `python -m unittest` as it is and writes a JUnit report of it: one case a test, as unittest counts them."""

# Runs in the project's Python, from 3.7 on, beside its own code: as plain and as old as that.
# ruff: noqa: N802, PTH100, PTH105, PTH118, PTH120, PTH123
# mypy: ignore-errors

from __future__ import annotations

import json
import os
import re
import sys
import time
import traceback
import unittest
from unittest.main import TestProgram
from xml.sax.saxutils import escape, quoteattr

from _sluice_shards import split

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "_sluice_plan.json"), encoding="utf-8") as _file:
    PLAN = json.load(_file)

_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIXTURE = re.compile(r"(?:setUpClass|setUpModule) \((.+)\)$")
_WORST = {"error": 3, "failure": 2, "skipped": 1}


def clean(text):
    """Return text that XML can hold."""
    return _INVALID.sub("\ufffd", str(text))


def address(test):
    """Return classname and name of a test."""
    name = test.id()
    if not isinstance(test, unittest.TestCase):  # setUpClass and the like, which unittest holds in a stand-in
        return "", name
    head, _, tail = name.rpartition(".")
    return head, tail


def identity(test):
    """Return `classname::name`."""
    return "::".join(filter(None, address(test)))


def source(test):
    """Return the test's file relative to the working directory, empty when it has none."""
    path = getattr(sys.modules.get(type(test).__module__), "__file__", None)
    if not path or not isinstance(test, unittest.TestCase):
        return ""
    relative = os.path.relpath(path)
    return "" if relative.startswith("..") else relative


def is_expected_to_fail(test):
    """Tell whether a test or its class is marked with `expectedFailure`."""
    method = getattr(test, getattr(test, "_testMethodName", ""), None)
    return any(getattr(each, "__unittest_expecting_failure__", False) for each in (test, method))


class Case:
    """One test and the worst that happened in it."""

    def __init__(self, test):
        self.classname, self.name = address(test)
        self.file = source(test)
        self.began = time.perf_counter()
        self.seconds = 0.0
        self.kind = ""
        self.type = ""
        self.message = ""
        self.detail = []

    def note(self, kind, type_, message, detail=""):
        if detail:
            self.detail.append(detail)
        if _WORST[kind] > _WORST.get(self.kind, 0):
            self.kind, self.type, self.message = kind, type_, message

    def xml(self):
        attributes = [("classname", self.classname), ("name", self.name), ("time", f"{self.seconds:.6f}")]
        if self.file:
            attributes.append(("file", self.file))
        head = "<testcase " + " ".join(name + "=" + quoteattr(clean(value)) for name, value in attributes)
        if not self.kind:
            return head + "/>"
        type_, message = quoteattr(clean(self.type)), quoteattr(clean(self.message)[:2000])
        detail = escape(clean("\n".join(self.detail)))
        outcome = f"<{self.kind} type={type_} message={message}>{detail}</{self.kind}>"
        return head + ">" + outcome + "</testcase>"


class Result(unittest.TextTestResult):
    """unittest's own result, with a record beside it."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.cases = []
        self.outside = 0
        self.ran = []
        self.left_out = []
        self.strict = []
        self.current = None
        self.events = open(PLAN["events"], "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def event(self, kind, **more):
        self.events.write(json.dumps(dict(more, event=kind)) + "\n")

    def startTest(self, test):
        self.current = Case(test)
        self.event("start", id=test.id())
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        if self.current is not None:
            self.current.seconds = time.perf_counter() - self.current.began
            self.cases.append(self.current)
            if not self.current.kind and is_expected_to_fail(test):  # something of the project calls it a success
                self.strict.append(identity(test))
        self.current = None
        self.event("finish", id=test.id())
        if PLAN["shards"] > 1:
            self.ran.append(identity(test))

    def note(self, test, *what):
        if self.current is not None:
            self.current.note(*what)
        else:  # setUpClass, setUpModule: no test is running
            case = Case(test)
            case.note(*what)
            self.cases.append(case)
            self.outside += 1
            fixture = _FIXTURE.match(case.name)
            if case.kind == "skipped" and fixture:
                self.left_out.append(fixture.group(1))

    def note_error(self, kind, test, err, label=""):
        detail = "".join(traceback.format_exception(*err))
        message = (label + ": " if label else "") + str(err[1])
        self.note(test, kind, err[0].__name__, message, detail)

    def addError(self, test, err):
        super().addError(test, err)
        self.note_error("error", test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note_error("failure", test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            kind = "failure" if issubclass(err[0], test.failureException) else "error"
            self.note_error(kind, test, err, subtest._subDescription())

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped", "unittest.skip", reason)

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.note(test, "skipped", "pytest.xfail", "expected failure")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "failure", "UnexpectedSuccess", "unexpected success", "This test is marked as expectedFailure.")


def flatten(suite):
    """Yield the tests of a suite in their order."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def module(test):
    """Return the module whose tests stay together in one shard."""
    return type(test).__module__


def mine(tests):
    """Return the tests of this shard: whole modules, by the sum of their recorded durations."""
    durations = {}
    for test in tests:
        recorded = PLAN["durations"].get(identity(test))
        if recorded is not None:
            durations[module(test)] = durations.get(module(test), 0.0) + recorded
    kept = set(split([module(test) for test in tests], durations, PLAN["shards"])[PLAN["shard"] - 1])
    return unittest.TestSuite(test for test in tests if module(test) in kept)


def asked(tests):
    """Return the tests that were asked for; None when one of them is no test of its own: then everything runs."""
    found = {identity(test): test for test in tests}
    if not set(PLAN["only"]) <= set(found):
        return None
    return unittest.TestSuite(found[name] for name in PLAN["only"])


class Runner(unittest.TextTestRunner):
    """unittest's own runner, which also writes the report."""

    resultclass = Result

    def run(self, test):
        for start in PLAN.get("more_starts", ()):
            test.addTests(unittest.TestLoader().discover(start, pattern=PLAN["pattern"]))
        collected = test.countTestCases()
        ids = [identity(each) for each in flatten(test)] if PLAN["shards"] > 1 else []
        only = asked(flatten(test)) if PLAN["only"] else None
        if only is not None:
            test, collected = only, only.countTestCases()
        elif PLAN["shards"] > 1:
            test = mine(list(flatten(test)))
        result = super().run(test)
        result.event("collected", count=collected, ids=ids)
        result.event("end", ran=result.ran, left_out=result.left_out, strict=result.strict, only=only is not None)
        write_report(result)
        if collected and not result.testsRun and PLAN["shards"] > 1:
            sys.exit(0)  # fewer modules than shards: nothing to do here is no failure
        return result


def write_report(result):
    """Write the report aside, then rename it: half a report is never seen."""
    kinds = [case.kind for case in result.cases]
    with open(PLAN["report"] + ".new", "w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<testsuites><testsuite name="unittest"')
        file.write(f' tests="{result.testsRun + result.outside}" failures="{kinds.count("failure")}"')
        file.write(f' errors="{kinds.count("error")}" skipped="{kinds.count("skipped")}">\n')
        for case in result.cases:
            file.write(case.xml() + "\n")
        file.write("</testsuite></testsuites>\n")
    os.replace(PLAN["report"] + ".new", PLAN["report"])


if __name__ == "__main__":
    sys.argv[0] = "python -m unittest"
    TestProgram(module=None, testRunner=Runner)

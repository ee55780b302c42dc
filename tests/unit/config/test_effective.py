"""What is declared stands; the gaps are filled from what was found."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.config.detect import Detected
from sluice.config.effective import effective
from sluice.config.load import load
from sluice.config.model import Config, CoverageConfig, TestConfig

FOUND = Detected(
    project="shop",
    frameworks=("pytest",),
    groups=("test",),
    extras=("http",),
    requirements=("requirements-test.txt",),
    packages=("mock",),
    coverage_source=("src",),
)
NODE = Detected(
    project="pad",
    frameworks=("command",),
    command=("npm", "test"),
    report="junit.xml",
    setup=(("npm", "ci"),),
    env={"NODE_OPTIONS": "x"},
)


def made(text: str, found: Detected = FOUND) -> dict[str, Any]:
    """Return what the effective test section holds beyond the defaults."""
    config = load(text).config if text else Config()
    return effective(config, found).test.model_dump(exclude_defaults=True)


INSTALLED = {
    "groups": ("test",),
    "extras": ("http",),
    "requirements": ("requirements-test.txt",),
    "packages": ("mock",),
}
SOURCE = {"coverage": {"source": ("src",)}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"frameworks": ("pytest",), **INSTALLED, **SOURCE}),
        ("test: {groups: [all]}\n", {"frameworks": ("pytest",), "groups": ("all",), **SOURCE}),
        ("test: {groups: []}\n", {"frameworks": ("pytest",), **SOURCE}),
        (
            "test: {packages: [attrs, mock]}\n",
            {"frameworks": ("pytest",), **INSTALLED, "packages": ("mock", "attrs"), **SOURCE},
        ),
        ("test: {frameworks: [unittest]}\n", {"frameworks": ("unittest",), **INSTALLED, **SOURCE}),
        (
            "test: {coverage: {source: [shop], fail_under: 80}}\n",
            {"frameworks": ("pytest",), **INSTALLED, "coverage": {"source": ("shop",), "fail_under": 80.0}},
        ),
        ("test: {skip: only documents here}\n", {"skip": "only documents here"}),
        (
            "test: {command: [make], report: a.xml}\n",
            {"frameworks": ("command",), "command": ("make",), "report": "a.xml"},
        ),
        ("test: {args: [-x]}\n", {"frameworks": ("pytest",), **INSTALLED, **SOURCE, "args": ("-x",)}),
    ],
)
def test_python(text: str, expected: dict[str, Any]) -> None:
    assert made(text) == expected


def test_node() -> None:
    whole = {"frameworks": ("command",), "command": ("npm", "test"), "report": "junit.xml"}
    whole |= {"setup": (("npm", "ci"),), "env": {"NODE_OPTIONS": "x"}}
    assert made("", NODE) == whole
    assert made("test: {env: {A: b, NODE_OPTIONS: y}}\n", NODE) == {**whole, "env": {"NODE_OPTIONS": "y", "A": "b"}}
    assert made("test: {setup: []}\n", NODE) == {key: value for key, value in whole.items() if key != "setup"}
    by_hand = {"frameworks": ("command",), "command": ("make",), "report": "a.xml"}
    assert made("test: {command: [make], report: a.xml}\n", NODE) == by_hand


def test_paths_belong_to_the_frameworks_they_were_found_for() -> None:
    found = FOUND.model_copy(update={"frameworks": ("unittest",), "paths": ("tests",)})
    assert made("", found)["paths"] == ("tests",)
    assert "paths" not in made("test: {frameworks: [pytest]}\n", found)
    assert made("test: {paths: [more]}\n", found)["paths"] == ("more",)


def test_the_project_keeps_its_declared_name_and_all_else_is_untouched() -> None:
    config = load("project: mine\nscan: {gate: low}\nservice: {command: [a]}\nenvironments: {e: {}}\n").config
    result = effective(config, FOUND)
    assert result.project == "mine"
    assert result.model_copy(update={"test": config.test}) == config
    assert effective(Config(), FOUND).project == "shop"


def test_filling_twice_changes_nothing() -> None:
    once = effective(Config(test=TestConfig(coverage=CoverageConfig(fail_under=50))), FOUND)
    assert effective(once, FOUND) == once


def test_nothing_found_stays_nothing() -> None:
    assert made("", Detected(project="shop")) == {}

"""`sluice init`'s file: it loads, it says why, and it changes nothing about what would run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sluice.config.detect import Detected, detect
from sluice.config.effective import effective
from sluice.config.init import file_text, write_file
from sluice.config.load import load
from sluice.config.model import Config
from sluice.config.plan import plan
from sluice.errors import UsageError
from sluice.records.checkout import RefKind

GREETER = Path(__file__).parents[3] / "examples" / "greeter"


def test_a_service_gets_the_two_environments() -> None:
    found = detect(GREETER)
    config = load(file_text(found, "trunk")).config
    assert config.service is not None
    assert config.service.command == ("greeter",)
    assert config.service.health == "/healthz"
    assert config.smoke.version is not None
    made = {name: (e.replicas, e.cpu, e.memory, e.protected) for name, e in config.environments.items()}
    assert made == {"staging": (2, 0.5, 2**30, False), "production": (3, 1.0, 2**31, True)}
    assert plan(config, RefKind.BRANCH, "trunk").environment == "staging"
    assert plan(config, RefKind.TAG, "v1").environment == "production"
    kept = effective(config, found)
    assert (kept.test, kept.project) == (effective(Config(), found).test, "greeter")


def test_the_comments_of_a_project_without_service_and_tests_are_a_configuration_themselves(plant: Any) -> None:
    text = file_text(detect(plant({"README.md": "hello\n"})))
    assert load(text).config == Config(project="project")
    lines = text.splitlines()
    service = lines.index("# service:")
    assert "# No service was found" in lines[service - 1]
    config = load("\n".join(line.removeprefix("# ") for line in lines[service:] if line != "#")).config
    assert [route.to for route in config.deploy] == ["staging", "production"]


def test_each_line_says_why() -> None:
    text = file_text(detect(GREETER))
    assert text.splitlines()[0] == "# yaml-language-server: $schema=sluice.schema.json"
    assert "project: greeter               # [project].name in pyproject.toml" in text
    assert "  # pytest: [tool.pytest.ini_options] in pyproject.toml\n  frameworks: [pytest]" in text
    assert "://" not in text  # names no host


def test_text_that_yaml_would_misread_is_quoted() -> None:
    found = Detected(
        project="on", frameworks=("pytest",), groups=("test", "no", "1.0"), packages=("a>=1; x=='#'", "b@x: y")
    )
    made = load(file_text(found)).config
    assert (made.project, made.test.groups) == ("on", ("test", "no", "1.0"))
    assert made.test.packages == ("a>=1; x=='#'", "b@x: y")


def test_what_is_found_cannot_add_lines(plant: Any) -> None:
    script = '{"name": "a", "scripts": {"test": "node --test\\nproject: evil\\u2028deploy: [x]\\u0007"}}'
    assert load(file_text(detect(plant({"package.json": script})))).config.project == "a"


def test_an_existing_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "sluice.yaml"
    path.write_text("project: mine\n")
    with pytest.raises(UsageError) as caught:
        write_file(tmp_path, "project: other\n", force=False)
    assert str(caught.value) == f"USAGE: sluice.yaml is there already, at {path}. Overwrite it with --force."
    assert path.read_text() == "project: mine\n"
    assert write_file(tmp_path, "project: other\n", force=True) == path
    assert path.read_text() == "project: other\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["sluice.yaml"]


def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be written: No such file or directory"):
        write_file(tmp_path / "gone", "project: a\n", force=False)

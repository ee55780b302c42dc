"""The documentation says what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from pydantic.fields import FieldInfo

import blocks
from sluice.cli.main import app, mount
from sluice.errors import Exit
from sluice.settings import Settings
from sluice.states import StageName

ROOT = Path(__file__).parents[3]
DOCS = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")])
mount([])
COMMANDS = {command.name for command in typer.main.get_group(app).commands.values()}


def text() -> str:
    return "\n".join(path.read_text() for path in DOCS)


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@pytest.mark.parametrize("code", Exit, ids=lambda code: code.name)
def test_every_exit_code_is_documented(code: Exit) -> None:
    assert f"| {code.value} | {code.name} |" in (ROOT / "docs/errors.md").read_text()


@pytest.mark.parametrize("stage", StageName, ids=str)
def test_every_stage_is_documented(stage: StageName) -> None:
    assert stage in (ROOT / "docs/architecture.md").read_text()


@pytest.mark.parametrize(("name", "field"), Settings.model_fields.items(), ids=lambda each: str(each)[:20])
def test_every_setting_is_documented(name: str, field: FieldInfo) -> None:
    variable = field.validation_alias or f"SLUICE_{name.upper()}"
    assert f"| `{variable}` |" in (ROOT / "docs/settings.md").read_text()


@pytest.mark.parametrize("block", blocks.__all__)
def test_every_block_and_each_of_its_fields_is_documented(block: str) -> None:
    kind = getattr(blocks, block)
    document = (ROOT / "docs/blocks.md").read_text()
    assert f"## {kind._block_type_name}" in document
    section = document.split(f"## {kind._block_type_name}")[1].split("\n## ")[0]
    assert [name for name in kind.model_fields if f"| `{name}` |" not in section] == []


def test_every_command_is_documented_and_no_other() -> None:
    named = set(re.findall(r"sluice ([a-z]+)\b(?!\.)", "\n".join(re.findall(r"`[^`]*`|```.*?```", text(), re.S))))
    assert named <= COMMANDS | {"yaml"}
    assert named >= COMMANDS


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert target.startswith("https://") or (path.parent / target).exists(), target


def test_every_dependency_has_its_reason() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    block = pyproject.split("dependencies = [", 1)[1].split("\n]", 1)[0]
    names = re.findall(r'^\s*"([a-z0-9.-]+)', block, re.M)
    reasons = (ROOT / "docs/dependencies.md").read_text()
    assert names
    assert [name for name in names if f"`{name}`" not in reasons] == []

"""The published JSON Schema is the model's, and it agrees with the loader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sluice.config.load import load
from sluice.config.reference import SECTIONS, document_with
from sluice.config.schema import SCHEMA_FILE, schema, schema_text
from sluice.config.yaml_reader import read_yaml
from sluice.errors import ConfigError

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "sluice-yaml.md"


def examples() -> list[str]:
    """Return the yaml blocks of the document and the example's file."""
    parts = DOCUMENT.read_text().split("```yaml\n")[1:]
    return [part.split("```")[0] for part in parts] + [(ROOT / "examples/greeter/sluice.yaml").read_text()]


def plain(text: str) -> Any:
    return read_yaml(text, "sluice.yaml").data


def test_the_published_schema_is_up_to_date() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run: python -m sluice.config.schema"


def test_the_document_is_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert text == document_with(text), "run: python -m sluice.config.reference"


def test_every_key_says_what_it_means() -> None:
    for _, model in SECTIONS:
        for key, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{key}"


def test_every_section_is_in_the_document() -> None:
    assert {model.__name__ for _, model in SECTIONS} == set(schema()["$defs"]) | {"Config"}


def test_there_are_examples() -> None:
    assert len(examples()) >= 6


@pytest.mark.parametrize("text", examples())
def test_every_example_loads_and_fits_the_schema(text: str) -> None:
    load(text)
    jsonschema.validate(plain(text), schema())


@pytest.mark.parametrize(
    "text",
    [
        "tset: {}\n",
        "test: {tiemout: 1m}\n",
        "test: {timeout: 5 minutes}\n",
        "test: {timeout: 0}\n",
        "environments: {a: {replicas: 0}}\n",
        "environments: {a: {memory: 1GB}}\n",
        "test: {matrix: {python: [abc]}}\n",
        "test: {command: make}\n",
        "scan: {gate: hihg}\n",
    ],
)
def test_what_the_loader_refuses_the_schema_refuses(text: str) -> None:
    with pytest.raises(ConfigError):
        load(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain(text), schema())

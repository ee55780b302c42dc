"""The JSON Schema of `sluice.yaml`, for editors and other programs.

`sluice.schema.json` beside this file is what :func:`schema_text` returns; a test holds them together.
Write it anew with `python -m sluice.config.schema`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sluice.config.model import Config

SCHEMA_FILE = Path(__file__).with_name("sluice.schema.json")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12)."""
    made = Config.model_json_schema(by_alias=True)
    for section in (made, *made["$defs"].values()):
        for part in section["properties"].values():
            if "$ref" in part:
                part.pop("default", None)  # the section's keys have their defaults themselves
    return {"title": "sluice.yaml", **{key: value for key, value in made.items() if key != "title"}}


def schema_text() -> str:
    """Return the JSON Schema as the text of a file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")

"""The questions of docs/cookbook.md."""

from __future__ import annotations

import re
from pathlib import Path

COOKBOOK = Path(__file__).parents[1] / "docs" / "cookbook.md"
QUESTION = re.compile(r"^### ([^\n]+)\n\n(?:[^#`]+\n\n)?```sql\n(.+?)\n```", re.M | re.S)


def questions() -> dict[str, str]:
    """Return question → SQL, in the order of the document."""
    return dict(QUESTION.findall(COOKBOOK.read_text()))

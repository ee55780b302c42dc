"""A secret that is hard to hide, and the forms in which programs print it."""

from __future__ import annotations

import base64
import html
import json
import shlex
from pathlib import Path
from urllib.parse import quote, quote_plus

from sluice import masks
from tests.deploy_parts import City
from tests.postgres.parts import rows

VALUE = """p&ss "w√rd"/+é'<tok>"""
DATA = VALUE.encode()
FORMS = (
    VALUE,
    json.dumps(VALUE)[1:-1],
    repr(VALUE)[1:-1],
    html.escape(VALUE),
    shlex.quote(VALUE)[1:-1],
    quote(VALUE, safe=""),
    quote_plus(VALUE),
    DATA.hex(),
    base64.b64encode(DATA).decode()[:-4],
    base64.b64encode(b"x" + DATA).decode()[4:-4],
    base64.b64encode(b"xy" + DATA).decode()[4:-4],
    base64.urlsafe_b64encode(DATA).decode()[:-4],
)

TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace ORDER BY 1
"""


def files_of(city: City) -> list[Path]:
    """The runs' logs, the artifacts, and what is kept of releases and replicas."""
    folders = (city.home.runs, city.home.artifacts, city.home.root / "apps")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def cells_of(city: City) -> list[str]:
    """Every cell of every row of ours, as text."""
    tables = [name for (name,) in rows(city.engine, TABLES)]
    found = [cell for name in tables for row in rows(city.engine, f'SELECT * FROM "{name}"') for cell in row]
    return [cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str) for cell in found]


def told_in(texts: list[str]) -> list[str]:
    """Return the forms that are in any of the texts, as they are or once HTML is undone."""
    everything = "\n".join([*texts, *map(html.unescape, texts)])
    return [form for form in (*FORMS, *masks.forms(VALUE)) if form in everything]

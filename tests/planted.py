"""A secret that is hard to hide, and the forms in which programs print it."""

from __future__ import annotations

import base64
import html
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from sluice import masks
from tests.deploy_parts import City
from tests.postgres.parts import rows

VALUE = """p&ss "w√rd"/+é'<tok>"""


def forms_of(value: str) -> tuple[str, ...]:
    """Return the forms; the program of an image is made of this too, so it needs only the modules above."""
    data = value.encode()
    return (
        value,
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        shlex.quote(value)[1:-1],
        quote(value, safe=""),
        quote_plus(value),
        data.hex(),
        base64.b64encode(data).decode(),
        base64.b64encode(b"x" + data).decode(),
        base64.b64encode(b"xy" + data).decode(),
        base64.urlsafe_b64encode(data).decode(),
    )


*PLAIN, BASE64, BASE64_ONE_ON, BASE64_TWO_ON, BASE64_URL = forms_of(VALUE)
# Of base64 what no neighbour changes: that is found wherever it stands.
FORMS = (*PLAIN, BASE64[:-4], BASE64_ONE_ON[4:-4], BASE64_TWO_ON[4:-4], BASE64_URL[:-4])

TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace ORDER BY 1
"""


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The secret is where `env:PLANTED` says, and no mask of another test's secret helps to hide it."""
    masks.forget()
    monkeypatch.setenv("PLANTED", VALUE)
    yield
    masks.forget()


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

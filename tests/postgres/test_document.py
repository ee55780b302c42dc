"""docs/tables.md says what the schema is."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from sluice.store.document import render
from sluice.store.tables.all import Base
from tests.postgres.parts import rows

pytestmark = pytest.mark.postgres
DOCUMENT = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_document_is_up_to_date(engine: Engine) -> None:
    assert DOCUMENT.read_text() == render(engine), "run python -m sluice.store.document URL > docs/tables.md"


def test_every_table_and_view_is_in_it(engine: Engine) -> None:
    text = DOCUMENT.read_text()
    views = [name for (name,) in rows(engine, "SELECT viewname FROM pg_views WHERE schemaname = 'public'")]
    assert len(views) >= 10
    for name in [*Base.metadata.tables, *views]:
        assert f"### `{name}`\n" in text
    for table in Base.metadata.tables.values():
        assert str(table.comment) in text
        for column in table.columns:
            assert f"| `{column.name}` |" in text
            assert str(column.comment) in text

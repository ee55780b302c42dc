"""The command line in this process, on a database of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sluice.cli.main import run
from sluice.database import database
from sluice.services.addresses import choose
from sluice.settings import Settings

Answer = tuple[int, str, str]


@contextmanager
def command_line(
    url: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Answer]]:
    """Give `sluice WORDS` → exit code, output, errors; the services' addresses are chosen, nothing is started."""
    monkeypatch.setenv("SLUICE_HOME", str(home))
    monkeypatch.setenv("SLUICE_DATABASE_URL", url.replace("+psycopg", ""))
    settings = Settings()
    settings.home.make()
    choose(settings)
    database.cache_clear()

    def sluice(*words: str) -> Answer:
        status = run(list(words))
        told = capsys.readouterr()
        return status, told.out, told.err

    yield sluice
    database().dispose()
    database.cache_clear()

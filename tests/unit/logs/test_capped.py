"""A log that is too long: its beginning, its end, and what is missing between them, counted."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sluice.logs import capped
from sluice.logs.capped import capped_log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.log"


def test_below_the_limit_nothing_is_said(path: Path) -> None:
    with capped_log(path, 1000) as log:
        log.write("one")
        log.write("two\nthree")
    assert path.read_text() == "one\ntwo\nthree\n"


def test_beyond_it_the_end_is_kept_and_the_rest_is_counted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capped, "TAIL_BYTES", 20)
    with capped_log(path, 30) as log:
        for number in range(100):
            log.write(f"line {number:03}")
        assert path.read_text().splitlines()[-1].startswith("[longer than 0 MiB"), "whoever follows it is told at once"
    lines = path.read_text().splitlines()
    assert lines[:3] == ["line 000", "line 001", "line 002"]
    assert lines[4] == "[95 lines (855 bytes) were left out here: the log is longer than 0 MiB]"
    assert lines[5:] == ["line 098", "line 099"]


def test_all_who_write_at_once_share_the_limit(path: Path) -> None:
    def write(name: int) -> None:
        with capped_log(path, 1000) as log:
            for _ in range(200):
                log.write(f"from {name}")

    with capped_log(path, 1000), ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    text = path.read_text()
    before = text.split("[longer", 1)[0]
    assert 990 <= len(before) <= 1000
    assert len(re.findall(r"^from \d$", text, re.M)) == 800, "the end has room for all of the rest"
    assert not capped._open


def test_a_log_that_is_opened_again_goes_on(path: Path) -> None:
    for word in ("one", "two"):
        with capped_log(path, 5) as log:
            log.write(word)
    assert path.read_text() == "one\n[longer than 0 MiB: from here on only the end is kept]\ntwo\n"


def test_what_is_no_text_cannot_end_a_stage(path: Path) -> None:
    with capped_log(path, 1000) as log:
        log.write("a\0b\udcff")
    assert path.read_text() == "a\ufffdb\ufffd\n"

"""B05: a release that left its usual range, or of which something is missing that nobody deleted."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.records.checkout import ChangedFile
from tests.boundaries import believed, caught, check
from tests.factories import build, history

BASE = "CPython 3.11.7 linux-x86_64"


def changed(path: str, change: str = "M", deletions: int | None = 0, **more: Any) -> ChangedFile:
    return ChangedFile(path=path, change=change, additions=0, deletions=deletions, **more)


@pytest.mark.parametrize("size", [10_000, 124_999, 500_001, 600_000])
def test_another_size_than_is_usual(size: int) -> None:
    known = {"history": history(build__size=250_000), "files_since": (changed("dump.sql", "D", 9),)}
    caught(build(size=size), "B05", "125000 to 500000 bytes, as is usual on main", f"{size} bytes", **known)


@pytest.mark.parametrize("size", [125_000, 250_000, 500_000])
def test_a_release_may_shrink_to_half_and_grow_to_twice_its_size(size: int) -> None:
    since = (changed("page.html", deletions=1_250),)
    believed(build(size=size), history=history(build__size=250_000), files_since=since)


@pytest.mark.parametrize("size", [47_000, 148_000, 252_800])
def test_a_small_release_may_grow_by_two_hundred_kilobytes(size: int) -> None:
    believed(build(size=size), history=history(build__size=48_000))


def test_a_small_release_may_grow_by_no_more() -> None:
    caught(build(size=252_801), "B05", "0 to 252800 bytes", "252801 bytes", history=history(build__size=48_000))


@pytest.mark.parametrize(
    ("size", "usual", "since", "observed"),
    [
        (24_000, 48_000, (), "24000 bytes, 48000 before, and what was deleted explains 0"),
        (35_999, 48_000, (), "35999 bytes, 48000 before, and what was deleted explains 0"),
        (2_000, 3_100, (), "2000 bytes, 3100 before, and what was deleted explains 0"),
        (
            24_000,
            48_000,
            (changed("a.py", deletions=119),),
            "24000 bytes, 48000 before, and what was deleted explains 11900",
        ),
    ],
)
def test_a_part_of_a_small_release_is_missing(
    size: int, usual: int, since: tuple[ChangedFile, ...], observed: str
) -> None:
    known = {"history": history(build__size=usual), "files_since": since}
    caught(build(size=size), "B05", "nothing missing that nobody deleted", f"{size} bytes; {observed}", **known)


@pytest.mark.parametrize(
    ("size", "usual", "since"),
    [
        (36_000, 48_000, ()),
        (2_076, 3_100, ()),
        (24_000, 48_000, (changed("a.py", deletions=120),)),
        (24_000, 48_000, (changed("logo.png", "D", None),)),
        (24_000, 48_000, (changed("a.py", "D", 3),)),
        (24_000, 48_000, (changed("logo.png", deletions=None),)),
    ],
)
def test_what_was_deleted_is_not_missing(size: int, usual: int, since: tuple[ChangedFile, ...]) -> None:
    believed(build(size=size), history=history(build__size=usual), files_since=since)


@pytest.mark.parametrize(
    ("files", "usual", "gone", "stops"),
    [
        (6, 12, 0, True),
        (8, 12, 0, True),
        (9, 12, 0, False),
        (6, 12, 2, True),
        (6, 12, 3, False),
        (2, 3, 0, False),
        (2, 4, 0, True),
    ],
)
def test_files_of_a_release_are_missing(files: int, usual: int, gone: int, stops: bool) -> None:
    since = tuple(changed(f"m{number}.py", "D", 40) for number in range(gone))
    known = {"history": history(build__size=48_000, build__inspected_files=usual), "files_since": since}
    record = build(inspected_files=files)
    if stops:
        observed = f"48000 bytes; {files} files, {usual} before, and what was deleted explains {gone}"
        caught(record, "B05", "nothing missing that nobody deleted", observed, **known)
    else:
        believed(record, **known)


@pytest.mark.parametrize(
    "known",
    [
        {"files_since": None},
        {"files_since": (changed("sluice.yaml"),)},
        {"files_since": (changed("pyproject.toml"),)},
        {"files_since": (changed("app/Dockerfile"),)},
        {"files_since": (changed(".dockerignore"),)},
        {"files_since": (changed(".gitattributes"),)},
        {"files_since": (changed("build.cfg", "R", old_path="MANIFEST.in"),)},
        {"previous_base": "CPython 3.12.1 linux-x86_64"},
    ],
)
def test_it_may_be_meant_where_what_decides_on_the_packing_changed(known: dict[str, Any]) -> None:
    report = check(build(size=24_000), **{"history": history(build__size=48_000), "previous_base": BASE} | known)
    assert report.accepted
    assert "B05" in [each.code for each in report.warnings]


def test_nothing_that_changed_excuses_what_is_out_of_range() -> None:
    known = {"history": history(build__size=250_000), "files_since": (changed("sluice.yaml"),)}
    caught(build(size=10_000), "B05", "125000 to 500000 bytes", "10000 bytes", **known)


def test_a_record_without_inspected_files_is_not_asked_for_them() -> None:
    known = {"history": history(build__size=48_000, build__inspected_files=20)}
    report = check(build(inspected_files=0), **known)
    assert [each.code for each in report.stops] == ["B07"]

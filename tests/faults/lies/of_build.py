"""Lies of a build."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sluice.artifacts import ArtifactStore
from sluice.records.common import ArtifactRef
from sluice.stages import build_bundle
from sluice.stages.workplace import now
from sluice.tools import git
from tests import factories
from tests.faults.lies.case import Made, lie, twin
from tests.faults.lies.workshop import Workshop
from tests.wheels import make_wheel, package

TREE = {"main.py": "print('hi')\n"}
BOTH = ("linux/amd64", "linux/arm64")


class BadDisk(ArtifactStore):
    """A store whose disk adds a byte to what was written."""

    def put_file(self, source: Path, name: str, media_type: str = "application/octet-stream") -> ArtifactRef:
        ref = super().put_file(source, name, media_type)
        path = self.path(ref.sha256)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b"\0")
        return ref


@lie("B01")
def the_disk_changes_the_bundle(workshop: Workshop) -> Made:
    """the store's disk adds a byte to the bundle"""
    workshop.repository.commit(TREE)
    record = workshop.build(store=BadDisk(workshop.home.artifacts))
    return record, workshop.facts(record)


@twin("B01")
def a_sound_disk(workshop: Workshop) -> Made:
    """a disk that keeps what it is given"""
    workshop.repository.commit(TREE)
    record = workshop.build()
    return record, workshop.facts(record)


def tagged(workshop: Workshop, *, moved: bool) -> Made:
    workshop.repository.commit(TREE)
    first = workshop.build()
    if moved:
        workshop.repository.commit({"main.py": "print('ho')\n"})
    again = workshop.build()
    return again, workshop.facts(again, tag="v1.0", tag_digests=(first.release.digest,))


@lie("B02")
def a_tag_is_moved(workshop: Workshop) -> Made:
    """tag v1.0 is moved to another commit and built anew"""
    return tagged(workshop, moved=True)


@twin("B02")
def a_tag_is_built_again(workshop: Workshop) -> Made:
    """the same tag built again gives the same bytes"""
    return tagged(workshop, moved=False)


def for_both_platforms(workshop: Workshop, *, pure: bool) -> Made:
    if not pure:
        made = make_wheel(workshop.wheels, "colours", "4.0")
        made.rename(made.with_name("colours-4.0-py3-none-manylinux_2_17_x86_64.whl"))
    workshop.repository.commit(package("colours\n"))
    record = workshop.build(platforms=list(BOTH))
    return record, workshop.facts(record, platforms=BOTH)


@lie("B03")
def a_dependency_has_no_file_for_arm(workshop: Workshop) -> Made:
    """arm64 is declared, and a dependency has x86-64 wheels only"""
    return for_both_platforms(workshop, pure=False)


@twin("B03")
def a_dependency_for_every_platform(workshop: Workshop) -> Made:
    """the same declaration with a pure dependency"""
    return for_both_platforms(workshop, pure=True)


@lie("B04")
def the_branch_moved_before_the_build(workshop: Workshop) -> Made:
    """an empty commit comes between test and build, and the build takes it"""
    workshop.repository.commit(TREE)
    tested = workshop.accepted()
    workshop.repository.commit(message="Trigger the build again")
    record = workshop.build(tested=tested)
    return record, workshop.facts(record, tested)


@twin("B04")
def the_branch_moved_after_the_test(workshop: Workshop) -> Made:
    """the commit comes too, and the build keeps to the tested one"""
    workshop.repository.commit(TREE)
    tested = workshop.accepted()
    workshop.repository.commit(message="Trigger the build again")
    record = workshop.build(tested)
    return record, workshop.facts(record, tested)


def sized(workshop: Workshop, size: int) -> Made:
    workshop.repository.commit({**TREE, "page.bin": bytes(value % 251 for value in range(200_000))})
    usual = workshop.build().size
    noise = b"".join(str(number * 7919 % 1_000_003).encode() for number in range(size))
    workshop.repository.commit({"dump.sql": noise})
    record = workshop.build()
    return record, workshop.facts(record, history=factories.history(build__size=usual))


@lie("B05")
def a_dump_is_packed(workshop: Workshop) -> Made:
    """somebody commits a database dump of a megabyte, and it is packed"""
    return sized(workshop, 200_000)


@twin("B05")
def a_release_grows(workshop: Workshop) -> Made:
    """the release grows by a small file"""
    return sized(workshop, 1_000)


def packed(workshop: Workshop, tmp_path: Path, *, deleted: bool) -> Made:
    """Build twelve modules, then six: a file of the machine tells the build backend how many it packs."""
    outside = tmp_path / "how-many"
    many = f'range(int(open("{outside}").read()))'
    listed = f'    files |= {{name: open(name, "rb").read() for name in map("greeter/m{{}}.py".format, {many})}}\n'
    modules = {f"greeter/m{number}.py": f"WORD = {'word' * number!r}\n" * 30 for number in range(12)}
    files = package()
    taken = '    info = f"'
    files["backend.py"] = str(files["backend.py"]).replace(taken, listed + taken, 1)
    workshop.repository.commit({**files, **modules})
    outside.write_text("12")
    first, before = workshop.accepted(), workshop.build()
    assert before.inspected_files > 12
    outside.write_text("6")
    for number in range(6, 12) if deleted else ():
        (workshop.repository.path / f"greeter/m{number}.py").unlink()
    workshop.repository.commit({"greeter/m0.py": "WORD = 'other'\n" * 30})
    now_there, record = workshop.accepted(), workshop.build()
    usual = factories.history(build__size=before.size, build__inspected_files=before.inspected_files)
    since = git.changed_files(Path(now_there.mirror), first.commit, now_there.commit)
    return record, workshop.facts(record, history=usual, files_since=since, previous_base=before.base)


@lie("B05")
def half_of_the_modules_are_left_out(workshop: Workshop, tmp_path: Path) -> Made:
    """the build backend leaves out half of the modules of a small package"""
    return packed(workshop, tmp_path, deleted=False)


@twin("B05")
def half_of_the_modules_were_deleted(workshop: Workshop, tmp_path: Path) -> Made:
    """a commit deletes half of the modules of a small package"""
    return packed(workshop, tmp_path, deleted=True)


def with_clock(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, skew: timedelta) -> Made:
    workshop.repository.commit(TREE)
    monkeypatch.setattr(build_bundle, "now", lambda: now() - skew)
    record = workshop.build()
    return record, workshop.facts(record)


@lie("B06")
def the_clock_jumps(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Made:
    """the clock jumps back by two hours while the bundle is written"""
    return with_clock(workshop, monkeypatch, timedelta(hours=2))


@twin("B06")
def the_clock_is_corrected(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Made:
    """the clock is put right by a second"""
    return with_clock(workshop, monkeypatch, timedelta(seconds=1))


@lie("B07")
def an_environment_file_is_committed(workshop: Workshop) -> Made:
    """`.env` is committed and packed"""
    workshop.repository.commit({**TREE, ".env": "PASSWORD=hunter2\n"})
    record = workshop.build()
    return record, workshop.facts(record)


@twin("B07")
def an_example_is_committed(workshop: Workshop) -> Made:
    """`.env.example` is packed, and `.env` is left out by `build.exclude`"""
    workshop.repository.commit({**TREE, ".env": "PASSWORD=hunter2\n", ".env.example": "PASSWORD=\n"})
    record = workshop.build(exclude=[".env"])
    return record, workshop.facts(record)


@lie("B08")
def another_interpreter_than_the_tests(workshop: Workshop) -> Made:
    """the tests ran on another Python, and nobody names the release's"""
    workshop.repository.commit(package())
    record = workshop.build()
    return record, workshop.facts(record, tested_pythons=("3.8.1",))


@twin("B08")
def a_named_interpreter(workshop: Workshop) -> Made:
    """`.python-version` names it"""
    workshop.repository.commit(package())
    minor = workshop.build().release.python
    workshop.repository.commit({".python-version": f"{minor}\n"})
    record = workshop.build()
    return record, workshop.facts(record, tested_pythons=("3.8.1",), previous_base=record.base)


def with_backend(workshop: Workshop, line: str) -> Made:
    files = package()
    taken = '    os.makedirs("build", exist_ok=True)\n'
    files["backend.py"] = str(files["backend.py"]).replace(taken, taken + line)
    workshop.repository.commit(files)
    record = workshop.build()
    return record, workshop.facts(record)


@lie("B09")
def the_build_rewrites_its_source(workshop: Workshop) -> Made:
    """the build backend rewrites a module before it packs it"""
    return with_backend(workshop, "    open('greeter/__init__.py', 'w').write('WORD = None')\n")


@twin("B09")
def the_build_writes_beside_its_source(workshop: Workshop) -> Made:
    """the build backend leaves files of its own in build/"""
    return with_backend(workshop, "    open('build/made.py', 'w').write('WORD = None')\n")

"""No room: checkout, build and unpacking say so, leave nothing half-made, and work again when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.config.model import BuildConfig
from sluice.errors import Exit, InfrastructureError
from sluice.records.build import BuildRecord, BuildRequest
from sluice.releases import prepare_release
from sluice.settings import Home
from sluice.stages import build as build_stage
from sluice.stages import checkout as checkout_stage
from sluice.stages.workplace import open_workplace
from sluice.states import StageName
from tests.repositories import Repository, context, request, source

pytestmark = [pytest.mark.faults, pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")]
BULK = {f"data/{number}.bin": os.urandom(100_000) for number in range(30)}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home on a disk of 8 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        yield Home(disk / "home").make()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "greeter")
    made.commit(dict(BULK))
    return made


def fill(home: Home, leave: int) -> Path:
    """Fill the disk but for `leave` bytes."""
    filler = home.root / "filler"
    filler.unlink(missing_ok=True)
    free = os.statvfs(home.root)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_bsize - leave, 1))
    return filler


def build(repository: Repository, home: Home) -> BuildRecord:
    true = source(repository, home)
    with open_workplace(context(home, StageName.BUILD)) as place:
        return build_stage.build(BuildRequest(source=true, config=BuildConfig(), tested_tree=true.tree), place)


def check_out(repository: Repository, home: Home) -> None:
    asked = request(repository, home)
    with open_workplace(context(home, StageName.CHECKOUT)) as place:
        checkout_stage.checkout(asked, place)


def full(error: InfrastructureError) -> bool:
    return (error.code, error.exit_code) == ("DISK_FULL", Exit.INFRASTRUCTURE)


def test_fetch_checkout_build_and_unpack_without_room(repository: Repository, home: Home) -> None:
    filler = fill(home, 1_000_000)
    with pytest.raises(InfrastructureError) as caught:
        source(repository, home)
    assert full(caught.value), caught.value

    filler.unlink()
    source(repository, home)  # the mirror: 3 MB
    filler = fill(home, 1_000_000)
    with pytest.raises(InfrastructureError) as caught:
        check_out(repository, home)
    assert full(caught.value), caught.value
    assert not [path for path in home.workspaces.rglob("*") if path.is_file()]

    with pytest.raises(InfrastructureError) as caught:
        build(repository, home)
    assert full(caught.value), caught.value
    assert not [path for path in home.artifacts.rglob("*") if path.is_file()]


def test_a_release_that_does_not_fit(tmp_path: Path, home: Home) -> None:
    small = Repository(tmp_path / "small")
    small.commit({"data.txt": "0" * 4_000_000})  # packs to nothing, unpacks to 4 MB
    record = build(small, home)
    for path in sorted(home.workspaces.rglob("*"), reverse=True):
        path.unlink() if path.is_file() or path.is_symlink() else path.rmdir()
    filler = fill(home, 1_000_000)
    with pytest.raises(InfrastructureError) as caught:
        prepare_release(record.release, home, lambda _line: None)
    assert full(caught.value), caught.value
    assert [path.suffix for path in home.releases.iterdir()] in ([], [".lock"])
    filler.unlink()
    ready = prepare_release(record.release, home, lambda _line: None)
    assert (ready.path / "data.txt").stat().st_size == 4_000_000

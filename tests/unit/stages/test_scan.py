"""What is scanned: which files, and a release that cannot be unpacked is said so."""

from __future__ import annotations

import errno
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from sluice.disk import DiskFullError
from sluice.releases import ArchiveRefusedError
from sluice.stages import scan_release
from sluice.stages.scan_content import _prune, is_dockerfile, is_excluded, is_python
from sluice.stages.scan_release import ReleaseUnreadableError, declared, unpack
from tests.broken_archives import BROKEN


@pytest.mark.parametrize(
    "name", ["app.py", "src/pkg/main.py", "gui.pyw", "contest.py", "src/testing_tools.py", "latest/app.py"]
)
def test_code(name: str) -> None:
    assert is_python(name)


@pytest.mark.parametrize(
    "name", ["tests/helpers.py", "a/test/x.py", "test_app.py", "src/app_test.py", "conftest.py", "README.md", "py"]
)
def test_no_code_that_bandit_reads(name: str) -> None:
    assert not is_python(name)


@pytest.mark.parametrize(
    "name", ["Dockerfile", "docker/Dockerfile.dev", "web.Dockerfile", "dockerfile", "Containerfile", "Dockerfile.3.11"]
)
def test_dockerfiles(name: str) -> None:
    assert is_dockerfile(name)


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile.j2",
        ".dockerignore",
        "Dockerfile.dockerignore",
        "dockerfile.py",
        "Dockerfile.md",
        "Dockerfiles/x",
        "dockerfile.ts",
    ],
)
def test_no_dockerfiles(name: str) -> None:
    assert not is_dockerfile(name)


@pytest.mark.parametrize(
    ("name", "pattern", "out"),
    [
        ("tests/fixtures/key.pem", "tests/fixtures", True),
        ("tests/fixtures/key.pem", "tests/fixtures/", True),
        ("tests/fixtures/key.pem", "tests/*/key.pem", True),
        ("a/b/key.pem", "*.pem", True),
        ("a/b/key.pem", "**/*.pem", True),
        ("tests/fixtures.py", "tests/fixtures", False),
        ("mytests/fixtures/x", "tests/fixtures", False),
        ("tests/Fixtures/x", "tests/fixtures", False),
    ],
)
def test_excluded(name: str, pattern: str, out: bool) -> None:
    assert is_excluded(name, [pattern]) is out


def test_nothing_is_excluded_by_no_pattern() -> None:
    assert not is_excluded("a/b", [])


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_what_is_the_same_in_the_release_is_scanned_once(tmp_path: Path) -> None:
    source = put(tmp_path / "source", {"app/a.py": "1", "app/b.py": "2", "fixtures/key": "k", "src/c/d.py": "3"})
    release = put(
        tmp_path / "release",
        {
            "tree/app/a.py": "1",
            "tree/app/b.py": "changed",
            "tree/fixtures/key": "k",
            "lock": "x",
            "w.whl.content/c/d.py": "3",
        },
    )
    assert _prune(source, release, ["fixtures"]) == 2
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == [
        "release/lock",
        "release/tree/app/b.py",
        "source/app/a.py",
        "source/app/b.py",
        "source/src/c/d.py",
    ]


def test_a_link_in_the_source_is_not_taken_for_the_file_of_the_release(tmp_path: Path) -> None:
    source = put(tmp_path / "source", {"real": "1"})
    os.symlink(put(tmp_path, {"outside": "1"}) / "outside", source / "a.py")
    release = put(tmp_path / "release", {"a.py": "1"})
    _prune(source, release, [])
    assert (release / "a.py").is_file()


def test_pinned_dependencies_of_a_wheel() -> None:
    text = (
        "Metadata-Version: 2.1\nName: greeter\nRequires-Dist: flask==0.12\n"
        'Requires-Dist: requests[security] (==2.19.0) ; python_version >= "3.8"\n'
        'Requires-Dist: click>=8\nRequires-Dist: pytest==9 ; extra == "test"\n\nRequires-Dist: body==1\n'
    )
    assert declared(text) == ("flask==0.12", "requests==2.19.0")


def wheel(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as box:
        box.writestr("greeter/app.py", "print(1)\n")
        box.writestr("greeter-1.dist-info/METADATA", "Name: greeter\nRequires-Dist: flask==0.12\n")
    return path


def test_a_wheel_in_a_bundle_is_unpacked_with_its_pins(tmp_path: Path) -> None:
    inner = wheel(tmp_path / "greeter-1-py3-none-any.whl")
    with tarfile.open(tmp_path / "bundle.tar.gz", "w:gz") as tar:
        tar.add(inner, f"dist/{inner.name}")
    unpack(tmp_path / "bundle.tar.gz", tmp_path / "out")
    content = tmp_path / "out/dist" / f"{inner.name}.content"
    assert (content / "greeter/app.py").read_text() == "print(1)\n"
    assert (content / "greeter-1.dist-info/requirements.txt").read_text() == "flask==0.12\n"


def tar_with(**fields: object) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with tarfile.open(path, "w") as tar:
            member = tarfile.TarInfo(str(fields.get("name", "x")))
            member.size = 3
            tar.addfile(member, io.BytesIO(b"abc"))

    return make


def twice(path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        for text in (b"good", b"evil"):
            member = tarfile.TarInfo("x")
            member.size = 4
            tar.addfile(member, io.BytesIO(text))


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("zeros", bytes(65 << 20))


@pytest.mark.parametrize(
    "make",
    [
        *(partial(Path.write_bytes, data=data) for data in BROKEN.values()),
        twice,
        bomb,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no archive at all"),
        lambda path: path.write_bytes(b"PK\x03\x04 cut"),
        tar_with(name="../evil"),
        tar_with(name="/etc/evil"),
        tar_with(name="a/../../evil"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_and_nothing_lands_outside(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    archive, folder = tmp_path / "bundle", tmp_path / "deep/er/out"
    make(archive)
    with pytest.raises((ReleaseUnreadableError, ArchiveRefusedError)) as caught:
        unpack(archive, folder)
    assert caught.value.code == "ARCHIVE_REFUSED"
    assert not folder.exists()
    assert not list(tmp_path.rglob("evil"))
    assert not Path("/etc/evil").exists()


def test_a_full_disk_is_not_the_release_s_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_words: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(DiskFullError):
        unpack(wheel(tmp_path / "greeter-1-py3-none-any.whl"), tmp_path / "out")


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_release, "MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("zeros", b"\0" * 100_000)
    with pytest.raises(ReleaseUnreadableError, match="too large"):
        unpack(tmp_path / "bomb.zip", tmp_path / "out")


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bundle.tar", "w") as tar:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("fifo", tarfile.FIFOTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    unpack(tmp_path / "bundle.tar", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []

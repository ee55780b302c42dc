"""Bundles: what goes in comes out, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sluice.artifacts import ArtifactCorruptError, ArtifactStore
from sluice.errors import Exit
from sluice.records.build import Release
from sluice.releases import ArchiveRefusedError, Manifest, Member, read_manifest, unpack, write_bundle
from sluice.releases.archive import extract
from sluice.releases.manifest import ManifestError

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def manifest(**fields: object) -> Manifest:
    known = {"project": "greeter", "version": "1.4.0", "commit": "c" * 40, "tree": "7" * 40, "committed_at": WHEN}
    return Manifest.model_validate({**known, "python": "3.11", "contents": ("2 files",), **fields})


def members(folder: Path) -> list[Member]:
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "run.sh"
    script.write_text("#!/bin/sh\n")
    return [
        Member("app/run.sh", file=script, executable=True),
        Member("app/über\nname.txt", data=b"odd"),
        Member("app/deep/link", link="../run.sh"),
        Member("app/" + "long/" * 40 + "file", data=b"long"),
        Member("requirements.lock", data=b"x==1\n"),
    ]


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    bundle = tmp_path / "b.tar.gz"
    assert write_bundle(bundle, manifest(), members(tmp_path / "in"), WHEN) == 6
    out = tmp_path / "out"
    out.mkdir()
    extract(bundle, out)
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    assert found == {
        "manifest.json",
        "requirements.lock",
        "app/run.sh",
        "app/über\nname.txt",
        "app/deep/link",
        "app/" + "long/" * 40 + "file",
    }
    assert (out / "app" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (out / "requirements.lock").stat().st_mode & 0o777 == 0o644
    assert (out / "app" / "deep" / "link").read_text() == "#!/bin/sh\n"
    assert read_manifest(bundle) == manifest()


def test_the_same_members_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "one.tar.gz", tmp_path / "two" / "other.tar.gz"
    write_bundle(first, manifest(), members(tmp_path / "in"), WHEN)
    mask = os.umask(0o077)
    try:
        second.parent.mkdir()
        monkeypatch.setenv("TZ", "Pacific/Auckland")
        again = members(tmp_path / "elsewhere")
        os.utime(tmp_path / "elsewhere" / "run.sh", (1, 1))
        write_bundle(second, manifest(), reversed(again), WHEN)
    finally:
        os.umask(mask)
    assert first.read_bytes() == second.read_bytes()
    other = tmp_path / "other.tar.gz"
    write_bundle(other, manifest(version="1.4.1"), members(tmp_path / "in"), WHEN)
    assert other.read_bytes() != first.read_bytes()


def tar_of(*entries: tarfile.TarInfo, data: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for entry in entries:
            entry.size = len(data) if entry.isreg() else 0
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def sparse() -> bytes:
    info = entry("app/sparse")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"}
    return tar_of(info)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "parent": lambda: tar_of(entry("../canary")),
    "parent inside": lambda: tar_of(entry("app/../../canary")),
    "absolute": lambda: tar_of(entry("/tmp/canary")),
    "backslash": lambda: tar_of(entry("app\\..\\canary")),
    "symlink out": lambda: tar_of(entry("app/x", tarfile.SYMTYPE, "../../canary")),
    "symlink to the venv": lambda: tar_of(entry("app/x", tarfile.SYMTYPE, "../manifest.json")),
    "symlink absolute": lambda: tar_of(entry("app/x", tarfile.SYMTYPE, "/etc/passwd")),
    "symlink in and out": lambda: tar_of(entry("app/x", tarfile.SYMTYPE, "a/../../canary")),
    "through a symlink": lambda: tar_of(entry("app/x", tarfile.SYMTYPE, "y"), entry("app/x/canary")),
    "hard link": lambda: tar_of(entry("app/x", tarfile.LNKTYPE, "/etc/passwd")),
    "fifo": lambda: tar_of(entry("app/x", tarfile.FIFOTYPE)),
    "device": lambda: tar_of(entry("app/x", tarfile.CHRTYPE)),
    "twice": lambda: tar_of(entry("app/x"), entry("app/x")),
    "twice in another way": lambda: tar_of(entry("app/x"), entry("app/./x")),
    "file and folder": lambda: tar_of(entry("app/x"), entry("app/x/y")),
    "empty name": lambda: tar_of(entry("")),
    "name of 300 bytes": lambda: tar_of(entry("app/" + "x" * 300)),
    "sparse": sparse,
    "setuid": lambda: tar_of(entry("app/x", mode=0o4755)),
    "setgid folder": lambda: tar_of(entry("app/x", tarfile.DIRTYPE, mode=0o2755)),
    "bomb of 1 : 1,028": lambda: tar_of(entry("app/x"), data=bytes(65 << 20)),
    "cut": lambda: tar_of(entry("app/x"), data=b"x" * 100_000)[:150],
    "no gzip": lambda: b"PK\x03\x04 something else",
    "gzip of nothing": lambda: gzip.compress(b"not a tar at all" * 100),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    release, store = stored(home, HOSTILE[name]())
    destination = home / "releases" / "x"
    with pytest.raises(ArchiveRefusedError) as caught:
        unpack(release, store, destination)
    assert caught.value.code == "ARCHIVE_REFUSED"
    assert caught.value.exit_code is Exit.INFRASTRUCTURE
    assert list((home / "releases").iterdir()) == []
    assert not list(tmp_path.rglob("*canary*"))


def test_modes_are_plain(tmp_path: Path) -> None:
    bundle = tmp_path / "b.tar.gz"
    bundle.write_bytes(tar_of(entry("app/open", mode=0o777), entry("app/private", mode=0o000)))
    (tmp_path / "out").mkdir()
    extract(bundle, tmp_path / "out")
    assert (tmp_path / "out/app/open").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "out/app/private").stat().st_mode & 0o7777 == 0o644


def test_a_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluice.releases.archive.MAX_BYTES", 1000)
    bundle = tmp_path / "b.tar.gz"
    bundle.write_bytes(tar_of(entry("app/x"), data=b"\0" * 1001))
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveRefusedError, match="larger than 1000 bytes"):
        extract(bundle, tmp_path / "out")
    monkeypatch.setattr("sluice.releases.archive.MAX_MEMBERS", 1)
    bundle.write_bytes(tar_of(entry("app/x"), entry("app/y")))
    with pytest.raises(ArchiveRefusedError, match="1 files"):
        extract(bundle, tmp_path / "out2")


def stored(home: Path, data: bytes) -> tuple[Release, ArtifactStore]:
    store = ArtifactStore(home / "artifacts")
    artifact = store.put_bytes(data, "b.tar.gz")
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    known = {"digest": digest, "kind": "bundle", "project": "greeter", "version": "1", "commit": "c" * 40}
    return Release.model_validate({**known, "artifact": artifact}), store


def test_a_tampered_release_is_refused(tmp_path: Path) -> None:
    bundle = tmp_path / "b.tar.gz"
    write_bundle(bundle, manifest(), members(tmp_path / "in"), WHEN)
    release, store = stored(tmp_path, bundle.read_bytes())
    unpack(release, store, tmp_path / "good")
    assert (tmp_path / "good" / "app" / "run.sh").is_file()
    file = store.path(release.artifact.sha256)
    file.chmod(0o644)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ArtifactCorruptError, match="ARTIFACT_CORRUPT: the stored release has other bytes"):
        unpack(release, store, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()
    file.unlink()
    with pytest.raises(ArtifactCorruptError, match="ARTIFACT_GONE"):
        unpack(release, store, tmp_path / "bad")


def test_a_bundle_without_a_manifest_is_refused(tmp_path: Path) -> None:
    bundle = tmp_path / "b.tar.gz"
    for data in (b"", b"no tar", tar_of(entry("app/x")), tar_of(entry("manifest.json"), data=b'{"format": 2}')):
        bundle.write_bytes(data)
        with pytest.raises(ManifestError, match="RELEASE_UNREADABLE"):
            read_manifest(bundle)

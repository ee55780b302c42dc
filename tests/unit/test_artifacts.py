"""The artifact store: names that deceive are refused, and bytes are what their digest says (bad input 55)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.artifacts import ArtifactCorruptError, ArtifactNameError, ArtifactStore, checked_name
from sluice.records.common import ArtifactRef


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def damage(store: ArtifactStore, ref: ArtifactRef, data: bytes) -> None:
    path = store.path(ref.sha256)
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "C:x",
        "x" * 300,
        "ü" * 150,
        "a\0b",
        "a\nb",
        "a\x1b[31m",
        "report\u202efdp.exe",
        "zero\u200bwidth",
        "a\u2028b",
        "\udc80",
        "CON",
        "con.txt",
        "Nul .log",
        "COM1",
        "end.",
        "end ",
        'a"b',
        "a<b>",
        "a|b",
        "a*",
    ],
)
def test_a_name_that_deceives_is_refused_and_nothing_is_stored(store: ArtifactStore, tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"data")
    for put in (lambda: store.put_file(source, name), lambda: store.put_bytes(b"data", name)):
        with pytest.raises(ArtifactNameError) as caught:
            put()
        assert str(caught.value).startswith("ARTIFACT_NAME: an artifact cannot be called so, found ")
        assert str(caught.value).isprintable()
    assert not [path for path in store.root.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "name", ["report.xml", "py3.11~2-pytest.log", "sbom.cdx.json", "grün.csv", ".hidden", "console", "a b", "x" * 200]
)
def test_plain_names_are_taken(name: str) -> None:
    assert checked_name(name) == name


def test_other_bytes_are_not_handed_out(store: ArtifactStore) -> None:
    ref = store.put_bytes(b"good", "a.txt")
    damage(store, ref, b"evil")
    with pytest.raises(ArtifactCorruptError) as caught:
        store.read(ref)
    assert (caught.value.code, caught.value.allowed) == ("ARTIFACT_CORRUPT", ref.sha256)
    assert len(str(caught.value.found)) == 64
    store.path(ref.sha256).unlink()
    with pytest.raises(ArtifactCorruptError, match="ARTIFACT_GONE"):
        store.read(ref)


def test_a_file_that_was_cut_is_put_right(store: ArtifactStore) -> None:
    ref = store.put_bytes(b"a whole file", "a.txt")
    damage(store, ref, b"a who")
    assert store.put_bytes(b"a whole file", "a.txt") == ref
    assert store.read(ref) == b"a whole file"

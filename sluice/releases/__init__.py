"""Releases on disk: written as a bundle, unpacked safely, made ready to run."""

from sluice.releases.archive import ArchiveRefusedError, unpack
from sluice.releases.bundle import Member, write_bundle
from sluice.releases.manifest import Manifest, read_manifest
from sluice.releases.prepare import ReleaseDir, prepare_release

__all__ = [
    "ArchiveRefusedError",
    "Manifest",
    "Member",
    "ReleaseDir",
    "prepare_release",
    "read_manifest",
    "unpack",
    "write_bundle",
]

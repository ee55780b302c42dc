"""Releases on disk: how a bundle is packed, and how it is unpacked with its locked environment."""

from sluice.releases.prepare import ReleaseDir, prepare_release

__all__ = ["ReleaseDir", "prepare_release"]

"""Rows of the build stage: the release."""

from __future__ import annotations

from sluice.records.build import BuildRecord
from sluice.store.ingest.place import Place
from sluice.store.releases import register_release


def write(place: Place, record: BuildRecord) -> None:
    """Make the release known, once a project: the same input gives the same digest again."""
    register_release(place.connection, place.project_id, record.release, place.stage_run_id, record.size)

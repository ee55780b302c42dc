"""Rows of checkout: the commit and its changed files."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

from sluice.records.checkout import CheckoutRecord
from sluice.store.ingest.place import Place
from sluice.store.tables.source import ChangedFile, Commit
from sluice.store.texts import storable


def write(place: Place, record: CheckoutRecord) -> None:
    """Write the commit, once a project, and what changed, once a stage run."""
    row = {
        "project_id": place.project_id,
        "sha": record.source.commit,
        "tree": record.source.tree,
        "parents": list(record.parents),
        "author_name": record.author_name,
        "author_email": record.author_email,
        "authored_at": record.authored_at,
        "committed_at": record.source.committed_at,
        "subject": record.subject,
        "body": record.body,
    }
    known = insert(Commit).values(storable(row)).on_conflict_do_nothing(index_elements=["project_id", "sha"])
    place.connection.execute(known)
    files = {changed.path: changed for changed in record.changed_files}
    place.copy_dicts(
        ChangedFile,
        [{"stage_run_id": place.stage_run_id, **changed.model_dump()} for _, changed in sorted(files.items())],
    )

"""Who did what to what others rely on."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from sluice.store.tables.evidence import AuditEvent
from sluice.store.texts import storable


def record_event(
    connection: Connection,
    actor: str,
    action: str,
    kind: str,
    subject: str,
    *,
    run_id: str | None = None,
    **detail: str,
) -> None:
    """Add one event in the transaction that did it."""
    row = {"actor": actor, "action": action, "subject_kind": kind, "subject_id": subject}
    connection.execute(insert(AuditEvent).values(**row, run_id=run_id, detail=storable(detail)))

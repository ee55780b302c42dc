"""Who did what to what others rely on."""

from __future__ import annotations

import json

from sqlalchemy import Connection, text

from sluice.store.texts import storable

# As text: the model of this table would make every start of the command line slower.
EVENT = text(
    "INSERT INTO audit_events (actor, action, subject_kind, subject_id, run_id, detail)"
    " VALUES (:actor, :action, :kind, :subject, CAST(:run AS uuid), CAST(:detail AS jsonb))"
)


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
    values = {"actor": actor, "action": action, "kind": kind, "subject": subject, "run": run_id}
    connection.execute(EVENT, values | {"detail": json.dumps(storable(detail))})

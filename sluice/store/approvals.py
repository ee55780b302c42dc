"""Deploys that wait for somebody's word: asked, decided, and in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, text

from sluice.store.audit import record_event
from sluice.store.engine import asking, retry_database
from sluice.store.environments import environment_id
from sluice.store.texts import storable_text

_ASK = text("""
    INSERT INTO approvals (run_id, environment_id, release_digest, author)
    VALUES (CAST(:run AS uuid), :place, :digest, :author) RETURNING id
""")
_OPEN = text("""
    SELECT a.id, a.run_id::text AS run_id, p.name AS project, e.name AS environment, a.release_digest, a.author
    FROM approvals a JOIN environments e ON e.id = a.environment_id JOIN projects p ON p.id = e.project_id
    WHERE a.state = 'waiting' AND a.run_id = CAST(:run AS uuid) ORDER BY a.id DESC LIMIT 1
""")
_DECIDE = text("""
    UPDATE approvals SET state = :state, decided_at = greatest(asked_at, clock_timestamp()),
        decided_by = :who, reason = :reason
    WHERE id = :id AND state = 'waiting' RETURNING environment_id, run_id::text, release_digest
""")


@dataclass(frozen=True)
class Question:
    """A deploy that waits."""

    id: int
    run_id: str
    project: str
    environment: str
    release_digest: str
    author: str


class Approvals:
    """The rows of questions and answers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @retry_database
    def ask(self, run_id: str, project: str, environment: str, digest: str, author: str) -> int:
        """Write down that a deploy waits; return the question's number."""
        with self.engine.begin() as connection:
            values = {"run": run_id, "place": environment_id(connection, project, environment), "digest": digest}
            return int(connection.execute(_ASK, values | {"author": storable_text(author)}).scalar_one())

    @retry_database
    def waiting(self, run_id: str) -> Question | None:
        """Return what a run waits for; None when it does not."""
        with asking(self.engine) as connection:
            row = connection.execute(_OPEN, {"run": run_id}).mappings().one_or_none()
        return Question(**row) if row is not None else None

    @retry_database
    def decide(self, question: int, state: str, who: str, reason: str) -> bool:
        """Write the decision (`approved`, `rejected`, `expired`) with an audit event; False: it was decided already."""
        values = {"id": question, "state": state, "who": who, "reason": storable_text(reason)}
        with self.engine.begin() as connection:
            row = connection.execute(_DECIDE, values).one_or_none()
            if row is None:
                return False
            place, run_id, digest = row
            detail = {"release": str(digest), "reason": reason}
            record_event(connection, who or "sluice", state, "environment", str(place), run_id=run_id, **detail)
            return True

    @retry_database
    def refused(self, run_id: str, project: str, environment: str, who: str, code: str, reason: str) -> None:
        """Write into the audit trail that a deploy, or somebody's word about one, was refused."""
        with self.engine.begin() as connection:
            place = str(environment_id(connection, project, environment))
            record_event(connection, who, "refused", "environment", place, run_id=run_id, code=code, reason=reason)

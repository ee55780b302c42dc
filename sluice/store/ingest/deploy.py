"""Rows of deploy and rollback: the replicas as observed, the validation. The journal has written the steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete

from sluice.records.deploy import DeployRecord, Replica, RollbackRecord
from sluice.store.ingest.place import Place
from sluice.store.ingest.smoke import check_rows
from sluice.store.tables.deployments import HealthCheck, SmokeResult


def write(place: Place, record: DeployRecord) -> None:
    """Write the replicas; an amended record replaces those of the candidate."""
    place.connection.execute(delete(HealthCheck).where(HealthCheck.stage_run_id == place.stage_run_id))
    _write_replicas(place, record.replicas, record.ended_at)


def write_rollback(place: Place, record: RollbackRecord) -> None:
    """Write the replicas of the old release and the proof that it answers."""
    _write_replicas(place, record.replicas, record.ended_at)
    place.copy_dicts(SmokeResult, check_rows(place, "validation", record.validation))


def _write_replicas(place: Place, replicas: Sequence[Replica], observed_at: datetime) -> None:
    place.copy_dicts(
        HealthCheck,
        [
            {
                "stage_run_id": place.stage_run_id,
                "replica": replica.name,
                "release_digest": replica.release_digest or None,
                "pid": replica.pid,
                "address": replica.address,
                "healthy": replica.healthy,
                "restarts": replica.restarts,
                "memory_limit_bytes": replica.memory_limit_bytes,
                "cpu_limit": replica.cpu_limit,
                "limits_enforced": list(replica.limits_enforced),
                "observed_at": observed_at,
            }
            for replica in replicas
        ],
    )

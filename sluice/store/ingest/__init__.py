"""From an accepted record to rows: all of them with their checks and lineage in one transaction, or none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, func, update
from sqlalchemy.exc import DataError, IntegrityError

from sluice.artifacts import ArtifactStore
from sluice.errors import ContractRejectedError, SluiceError
from sluice.keys import key_of, key_parts
from sluice.records.checks import BoundaryReport
from sluice.records.common import StageRecord
from sluice.records.testing import TestRecord
from sluice.states import StageName, StageState
from sluice.store.engine import retry_database
from sluice.store.guard import begin_long
from sluice.store.ingest import build, checkout, deploy, scan, smoke, testing
from sluice.store.ingest.entrance import StageEndedError, enter, producer_of
from sluice.store.ingest.evidence import forget, write_checks, write_files, write_keys, write_quarantine, write_tools
from sluice.store.ingest.figures import write_figures
from sluice.store.ingest.lineage import write_edges
from sluice.store.ingest.place import Place
from sluice.store.leases import clock
from sluice.store.tables.runs import StageRun
from sluice.store.texts import storable

__all__ = ["Ingest", "RowsRefusedError", "StageEndedError"]

WRITERS: dict[StageName, Callable[[Place, Any], None]] = {
    StageName.CHECKOUT: checkout.write,
    StageName.TEST: testing.write,
    StageName.BUILD: build.write,
    StageName.SCAN: scan.write,
    StageName.DEPLOY: deploy.write,
    StageName.SMOKE: smoke.write,
    StageName.ROLLBACK: deploy.write_rollback,
}
REFUSED = (IntegrityError, DataError, psycopg.IntegrityError, psycopg.DataError)


class RowsRefusedError(ContractRejectedError):
    """A table's own rule refused a row that the boundary let through; nothing was written."""

    code = "ROWS_REFUSED"
    next_step = "The stage produced what cannot be; its log says more: `sluice logs RUN STAGE`."


class Ingest:
    """Writes records that passed their boundary, and keeps those that did not apart.

    Every method is one transaction. Saying the same again changes nothing.
    """

    def __init__(self, engine: Engine, artifacts: ArtifactStore) -> None:
        self.engine = engine
        self.artifacts = artifacts

    def accept(
        self, stage_run_id: str, record: StageRecord, report: BoundaryReport, *, cells: Sequence[StageRecord] = ()
    ) -> None:
        """Write rows, checks, files, figures and lineage of an accepted record, and end its stage.

        Args:
            cells: the records that a test matrix' `record` was merged from: each can then be reused by its own key, and
                the executions of a cell that was itself reused are not written again.

        A deploy may be accepted once more, when its candidate took over: that record takes the first one's place.

        Raises:
            RowsRefusedError: a constraint refused a row.
            StageEndedError: the stage has ended in another way.
        """
        if not report.accepted:
            raise SluiceError("a record that its boundary did not accept cannot be written", code="NOT_ACCEPTED")
        self._accept(stage_run_id, record, report, tuple(cells) or (record,))

    @retry_database
    def _accept(
        self, stage_run_id: str, record: StageRecord, report: BoundaryReport, cells: Sequence[StageRecord]
    ) -> None:
        began = time.perf_counter()
        with self._transaction() as connection:
            place, amends = enter(connection, self.artifacts, stage_run_id, record)
            if place is None:
                return
            own = [cell for cell in cells if cell.run_id == place.run_id]
            if amends:
                forget(place)
            write_checks(place, report)
            write_files(place, record)
            write_tools(place, record)
            write_keys(place, cells)
            WRITERS[place.stage](place, _own_part(record, own))
            write_edges(place, record, place.stage_run_id)
            if place.state is StageState.PASSED and not amends:
                write_figures(place, record)
            values = {
                "record": storable(record.model_dump(mode="json")),
                "reason": storable(record.reason),
                "tool_seconds": sum(cell.tool_seconds for cell in own),
                "boundary_seconds": report.seconds,
            }
            _close(place, record, began, values)

    @retry_database
    def reject(self, stage_run_id: str, record: StageRecord, report: BoundaryReport) -> None:
        """Put a rejected record into quarantine with its checks; none of its rows is written anywhere else.

        Raises:
            StageEndedError: the stage has ended in another way.
        """
        began = time.perf_counter()
        with self._transaction() as connection:
            place, amends = enter(connection, self.artifacts, stage_run_id, record, StageState.REJECTED)
            if place is None:
                return
            if amends:
                forget(place)
            write_checks(place, report)
            write_files(place, record)
            write_tools(place, record)
            write_quarantine(place, record, report)
            reasons = [f"{stop.code} {stop.name}: {stop.message}" for stop in report.stops]
            values = {
                "reason": storable("\n".join(reasons) or "no check of the boundary was evaluated"),
                "tool_seconds": record.tool_seconds if record.run_id == place.run_id else 0.0,
                "boundary_seconds": report.seconds,
            }
            _close(place, record, began, values)

    @retry_database
    def reuse(self, stage_run_id: str, record: StageRecord, report: BoundaryReport | None = None) -> None:
        """Let the accepted record of an earlier run stand for this stage too: a link, no rows of its own.

        Args:
            report: what was judged again for this run; its checks are this stage's.

        Raises:
            InfrastructureError: `REUSE_UNKNOWN`: no run ever had this record accepted.
            StageEndedError: the stage has ended in another way.
        """
        began = time.perf_counter()
        with self._transaction() as connection:
            place, _amends = enter(connection, self.artifacts, stage_run_id, record, StageState.REUSED)
            if place is None:
                return
            producer = producer_of(connection, record)
            if report is not None:
                write_checks(place, report)
            write_edges(place, record, producer)
            values = {
                "record": storable(record.model_dump(mode="json")),
                "reason": storable(record.reason),
                "reused_from": producer,
                "tool_seconds": 0.0,
                "boundary_seconds": report.seconds if report is not None else 0.0,
            }
            _close(place, record, began, values)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self.engine.begin() as connection:
                begin_long(connection)
                yield connection
        except REFUSED as error:
            raise _refusal(error) from error


def _own_part(record: StageRecord, own: Sequence[StageRecord]) -> StageRecord:
    """Return the record without the executions of cells that another run made."""
    if isinstance(record, TestRecord) and record not in own:
        made = tuple(each for cell in own if isinstance(cell, TestRecord) for each in cell.executions)
        return record.model_copy(update={"executions": made})
    return record


def _close(place: Place, record: StageRecord, began: float, values: dict[str, Any]) -> None:
    """End the stage as the last statement of the transaction."""
    closed = {
        "state": place.state.value,
        "headline": storable(record.headline()),
        "key": key_of(record.inputs) if record.inputs else None,
        "key_parts": storable(key_parts(record.inputs)) if record.inputs else None,
        "rows_seconds": time.perf_counter() - began,
        "ended_at": func.greatest(StageRun.started_at, clock()),
        **values,
    }
    place.connection.execute(update(StageRun).where(StageRun.id == place.stage_run_id).values(closed))


def _refusal(error: Exception) -> RowsRefusedError:
    cause: Any = getattr(error, "orig", None) or error
    told = cause.diag
    where = ".".join(filter(None, (told.table_name, told.constraint_name or told.column_name)))
    return RowsRefusedError(f"a table refused a row: {told.message_primary or cause}", where=where)

"""What every stage leaves: its checks, its files, its programs, its keys, and the rejected record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from sluice.artifacts import ArtifactExistsError
from sluice.keys import key_of, key_parts
from sluice.records.checks import BoundaryReport
from sluice.records.common import ArtifactRef, StageRecord
from sluice.states import StageName
from sluice.store.ingest.place import Place
from sluice.store.tables.evidence import CheckWaiver, QualityCheck, Quarantine
from sluice.store.tables.releases import Artifact
from sluice.store.tables.runs import StageArtifact, StageKey, ToolUse
from sluice.store.texts import storable

NOTHING_CHECKED = "NOTHING_CHECKED"


def files_of(value: object) -> Iterator[ArtifactRef]:
    """Yield every file that a record refers to, at whatever depth."""
    if isinstance(value, ArtifactRef):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from files_of(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from files_of(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from files_of(item)


def write_checks(place: Place, report: BoundaryReport) -> None:
    """Write one row a check, and one a waiver that was met."""
    place.copy_dicts(
        QualityCheck,
        [
            {
                "stage_run_id": place.stage_run_id,
                "ordinal": ordinal,
                **result.model_dump(mode="json", exclude={"waiver"}),
            }
            for ordinal, result in enumerate(report.results, start=1)
        ],
    )
    place.copy_dicts(
        CheckWaiver,
        [
            {"stage_run_id": place.stage_run_id, "code": result.code, **result.waiver.model_dump(mode="json")}
            for result in report.results
            if result.waiver is not None
        ],
    )


def write_files(place: Place, record: StageRecord) -> None:
    """Make the record's files known, and under which name this stage has them."""
    files = {ref.sha256: ref for ref in files_of(record)}
    if not files:
        return
    known = [
        {"sha256": ref.sha256, "size": ref.size, "media_type": ref.media_type}
        for ref in sorted(files.values(), key=lambda ref: ref.sha256)
    ]
    place.connection.execute(insert(Artifact).on_conflict_do_nothing(index_elements=["sha256"]), known)
    _refuse_twins(record)
    named = sorted({(ref.name, ref.sha256) for ref in files_of(record)})
    place.copy_dicts(
        StageArtifact,
        [{"stage_run_id": place.stage_run_id, "name": name, "sha256": sha256} for name, sha256 in named],
    )


def _refuse_twins(record: StageRecord) -> None:
    if record.STAGE is StageName.TEST:  # its executions may come from several runs; each names its own files
        return
    own = sorted({(ref.name, ref.sha256) for ref in record.artifacts})
    for (name, one), (other_name, other) in pairwise(own):
        if name == other_name:
            raise ArtifactExistsError("two files of one stage have one name", where=name, found=other, allowed=one)


def write_tools(place: Place, record: StageRecord) -> None:
    """Write one row a run of an outside program."""
    place.copy_dicts(
        ToolUse,
        [
            {"stage_run_id": place.stage_run_id, "ordinal": ordinal, **tool.model_dump()}
            for ordinal, tool in enumerate(record.tools, start=1)
        ],
    )


def write_keys(place: Place, records: Sequence[StageRecord]) -> None:
    """Write the keys under which the records, the cells of a matrix or the whole stage, are found again."""
    keys = {key_of(record.inputs): record for record in records if record.inputs}
    place.copy_dicts(
        StageKey,
        [
            {
                "stage_run_id": place.stage_run_id,
                "key": key,
                "parts": key_parts(record.inputs),
                "produced_by": record.run_id,
            }
            for key, record in sorted(keys.items())
        ],
    )


def write_quarantine(place: Place, record: StageRecord, report: BoundaryReport) -> None:
    """Keep a rejected record apart from all rows that count."""
    values: dict[str, Any] = {
        "codes": list(dict.fromkeys(result.code for result in report.stops)) or [NOTHING_CHECKED],
        "record": storable(record.model_dump(mode="json")),
        "artifacts": storable({ref.name: ref.sha256 for ref in files_of(record)}),
    }
    place.connection.execute(insert(Quarantine).values(stage_run_id=place.stage_run_id, **values))


def forget(place: Place) -> None:
    """Remove what an earlier acceptance of this stage left, before an amended record takes its place."""
    for model in (QualityCheck, CheckWaiver, StageArtifact, ToolUse, StageKey):
        place.connection.execute(delete(model).where(model.stage_run_id == place.stage_run_id))

"""What a report holds beside its cases: output of suites, and files that it names, of which those inside are kept."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluice.records.common import ArtifactRef
from sluice.records.testing import Attachment
from sluice.results.files import take_one
from sluice.results.media import picture_type
from sluice.results.problems import ReportError
from sluice.stages.testing.job import Job, LineSink
from sluice.stages.workplace import Workplace

FILE_BYTES = 10 << 20
ALL_BYTES = 50 << 20
MAX_FILES = 200
LIMIT, MISSING = "ATTACHMENT_LIMIT", "ATTACHMENT_MISSING"


@dataclass
class _Keeper:
    job: Job
    place: Workplace
    folders: tuple[str, ...]  # of the reports, in the workspace
    left: int = ALL_BYTES
    kept: dict[str, ArtifactRef | str] = field(default_factory=dict)

    def keep(self, path: str, folder: str) -> ArtifactRef | str:
        """Return the file in the store, or the code of why it is not there."""
        problem = MISSING
        for base, name in self._places(path, folder):
            key = f"{base}/{name}"
            if key not in self.kept:
                self.kept[key] = self._take(base, name)
            found = self.kept[key]
            if found != MISSING:
                return found
            problem = found
        return problem

    def _places(self, path: str, folder: str) -> Iterator[tuple[Path, str]]:
        """Yield where a path may lead, the root and the name below it: the workspace, and the reports' places."""
        job = self.job
        for root in (job.tree, job.out):
            if path.startswith(f"{root}/"):
                yield root, path[len(f"{root}/") :]
                return
        yield job.tree, path
        if path.startswith("/"):
            return
        for reports in self.folders:
            yield job.tree, f"{reports}/{path}"
            if folder:
                yield job.tree, f"{reports}/{folder}/{path}"
        if job.framework != "command":
            yield job.out, path

    def _take(self, root: Path, name: str) -> ArtifactRef | str:
        if len(self.kept) >= MAX_FILES:
            return LIMIT
        copy = self.job.out / f"attachment-{len(self.kept)}"
        try:
            take_one(root, name, copy, FILE_BYTES)
        except ReportError as error:
            return error.code.replace("REPORT_", "ATTACHMENT_")
        size = copy.stat().st_size
        if size > self.left:
            return LIMIT
        self.left -= size
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name).name)[-60:].strip("._") or "file"
        own = f"{self.job.file_name}-{len(self.kept)}-{plain}"
        return self.place.artifacts.put_file(copy, own, _media_type(copy, name))


def _media_type(copy: Path, name: str) -> str:
    """Return what the file is; a picture only when its first bytes say so."""
    with copy.open("rb") as file:
        picture = picture_type(file.read(16))
    guessed = mimetypes.guess_type(name)[0] or ""
    return picture or (guessed if guessed and not guessed.startswith("image/") else "application/octet-stream")


def keep(job: Job, told: Mapping[str, Any], reports: Sequence[str], place: Workplace, log: LineSink) -> dict[str, Any]:
    """Return the fields `attachments` and `suite_output` of the execution.

    Args:
        told: what the parser tells.
        reports: names of the report files in the workspace; relative paths may start at their folders.
    """
    kept = _attachments(job, told["attachments"], reports, place, log)
    return {"attachments": kept, "suite_output": _suite_output(told["suite_output"], job, place, log)}


def _suite_output(told: Sequence[Mapping[str, Any]], job: Job, place: Workplace, log: LineSink) -> ArtifactRef | None:
    """Keep what suites printed beside their cases, and show it in the log; None when they printed nothing."""
    for each in told:
        log(f"--- {each['stream']} of suite {each['suite'] or '(all)'}, {each['characters']} characters ---")
        log(each["text"].rstrip("\n"))
    lines = "".join(f"{json.dumps(each)}\n" for each in told)
    name = f"{job.file_name}-suites.jsonl"
    return place.artifacts.put_bytes(lines.encode(), name, "application/jsonl") if told else None


def _attachments(
    job: Job, named: Sequence[Mapping[str, Any]], reports: Sequence[str], place: Workplace, log: LineSink
) -> tuple[Attachment, ...]:
    """Return the attachments that a report names, each with its file in the store or why it is not kept."""
    folders = sorted({str(Path(name).parent) for name in reports} - {"."})
    keeper = _Keeper(job, place, tuple(folders))
    made = []
    for each in named:
        found = keeper.keep(each["path"], each["folder"])
        file, problem = (found, "") if isinstance(found, ArtifactRef) else (None, found)
        made.append(
            Attachment(test=each["test"], ordinal=each["ordinal"], path=each["path"], file=file, problem=problem)
        )
    for code in sorted({each.problem for each in made if each.problem}):
        log(f"{code}: {sum(each.problem == code for each in made)} attachments of the report are not kept")
    return tuple(made)

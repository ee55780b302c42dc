"""What a report says of a case beside its outcome: attempts, properties, output, attachments."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from sluice.results.problems import MESSAGE_LIMIT, middle_cut

NOTES_BYTES = 64 << 20  # characters of all notes of one execution
OUTPUT_LIMIT = 8_000  # characters of one stream of one case
DETAIL_LIMIT = 4_000  # characters of one attempt's trace
MAX_ITEMS = 100  # properties, attachments or attempts of one case
ATTACHMENT_PATH = 1000
_ATTACHMENT = re.compile(r"\[\[ATTACHMENT\|([^\]\n]{1,1000})\]\]")


def attachments_in(text: str) -> list[str]:
    """Return the files that output names in the way of Jenkins and GitLab, `[[ATTACHMENT|path]]`."""
    return _ATTACHMENT.findall(text) if "[[ATTACHMENT|" in text else []


@dataclass
class Attempt:
    """One run of a test that was run more than once."""

    status: str
    duration: float | None = None
    message: str = ""
    detail: str = ""

    def plain(self) -> dict[str, Any]:
        """Return what is known of it."""
        told: dict[str, Any] = {"status": self.status}
        if self.duration is not None:
            told["seconds"] = self.duration
        if self.message:
            told["message"] = self.message[:MESSAGE_LIMIT]
        if self.detail.strip():
            told["detail"] = middle_cut(self.detail, DETAIL_LIMIT)
        return told


@dataclass
class Notes:
    """The notes of one case; empty ones are no notes.

    Attributes:
        attempts: every run of the test in its order, when there were several.
        properties: name to value; of two with one name the last.
        outputs: stream (`stdout`, `stderr`) to text.
        attachments: paths as the report names them.
        folder: where they lie, from the report; "" when that is said nowhere.
        tags: labels of the test.
    """

    attempts: list[Attempt] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    attachments: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    folder: str = ""

    @property
    def was_red(self) -> bool:
        """Tell whether a try before the last one was red."""
        return any(each.status in ("failed", "error") for each in self.attempts[:-1])

    def output(self, stream: str, text: str) -> None:
        """Add output and the attachments that it names, in the way of Jenkins and GitLab."""
        if not text.strip():
            return
        self.outputs[stream] = self.outputs.get(stream, "") + text
        self.attachments += attachments_in(text)

    @property
    def files(self) -> list[str]:
        """The attachments, each once, at most so many as are kept."""
        return list(dict.fromkeys(self.attachments))[:MAX_ITEMS]

    def text(self) -> str:
        """Return the notes as JSON, empty for none."""
        told: dict[str, Any] = {}
        if self.attempts:
            told["attempts"] = [one.plain() for one in self.attempts[:MAX_ITEMS]]
        if self.properties:
            told["properties"] = dict(list(self.properties.items())[:MAX_ITEMS])
        if self.attachments:
            told["attachments"] = self.files
        if self.tags:
            told["tags"] = self.tags[:MAX_ITEMS]
        told |= {stream: middle_cut(text, OUTPUT_LIMIT) for stream, text in self.outputs.items()}
        return json.dumps(told, ensure_ascii=False) if told else ""


LEFT_OUT = Notes()  # of a case that is no result of its own

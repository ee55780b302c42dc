"""What the Prefect server said that stays true for long: every command would ask for it again."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from sluice.services.credentials import write_private


class Memory:
    """Answers of one server, kept in a private file; without the file, or when it is lost, the server is asked."""

    def __init__(self, path: Path, url: str) -> None:
        self._path = path
        self._url = url

    def get(self, name: str) -> Any | None:
        """Return what the server said; None when that is not known here."""
        return self._all().get(name)

    def put(self, name: str, answer: object) -> None:
        """Keep an answer; None: forget it."""
        kept = {**self._all(), name: answer}
        with contextlib.suppress(OSError):
            write_private(
                self._path, json.dumps({self._url: {key: kept[key] for key in kept if kept[key] is not None}})
            )

    def _all(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        answers = found.get(self._url) if isinstance(found, dict) else None
        return answers if isinstance(answers, dict) else {}

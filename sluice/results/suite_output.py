"""What suites print beside their cases: begin and end of each stream, so many in all."""

from __future__ import annotations

from dataclasses import dataclass, field

from sluice.results.notes import OUTPUT_LIMIT

MAX_OUTPUTS = 500  # streams of one execution that are kept
MAX_CHARACTERS = 1 << 20  # of them all
HEAD = OUTPUT_LIMIT // 4
TAIL = OUTPUT_LIMIT - HEAD


@dataclass
class SuiteOutput:
    """One stream of one suite. Of a long one its middle is left out; `characters` counts all of it."""

    suite: str
    stream: str
    characters: int = 0
    _head: str = ""
    _tail: str = ""

    def add(self, data: str) -> None:
        """Add a part; memory stays flat however much comes."""
        self.characters += len(data)
        room = HEAD - len(self._head)
        self._head += data[:room]
        self._tail = (self._tail + data[room:])[-TAIL:]

    @property
    def text(self) -> str:
        """What is kept of it, with a mark where something is missing."""
        left = self.characters - len(self._head) - len(self._tail)
        return f"{self._head}\n[… {left} characters left out …]\n{self._tail}" if left else self._head + self._tail


@dataclass
class SuiteOutputs:
    """The streams of one execution; what is beyond the limits is counted in `cut`."""

    kept: list[dict[str, object]] = field(default_factory=list)
    cut: int = 0
    _characters: int = 0

    def add(self, output: SuiteOutput) -> None:
        """Keep a stream that has ended, unless it is blank or there is too much."""
        text = output.text
        if not text.strip():
            return
        self._characters += len(text)
        if len(self.kept) == MAX_OUTPUTS or self._characters > MAX_CHARACTERS:
            self.cut += 1
            return
        told = {"suite": output.suite, "stream": output.stream, "characters": output.characters, "text": text}
        self.kept.append(told)

"""The counters that a report declares about itself, level by level, against what stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sluice.results.numbers import count

ATTRIBUTES = {
    "tests": ("tests",),
    "failure": ("failures",),
    "error": ("errors",),
    "skipped": ("skipped", "skips", "skip", "disabled"),
}


def _zeros() -> dict[str, int]:
    return dict.fromkeys(ATTRIBUTES, 0)


@dataclass
class Level:
    """A suite: what it declares (None: nothing), what stands directly in it, what its inner suites hold."""

    declared: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(ATTRIBUTES))
    direct: dict[str, int] = field(default_factory=_zeros)
    inner: dict[str, int] = field(default_factory=_zeros)
    inner_drift: dict[str, int] = field(default_factory=_zeros)
    inner_suites: dict[str, int] = field(default_factory=_zeros)
    declares: bool = False

    @classmethod
    def declared_by(cls, attributes: dict[str, str]) -> Level:
        """Return the level that a suite's attributes open."""
        level = cls()
        for name, spellings in ATTRIBUTES.items():
            found = [value for spelling in spellings if (value := count(attributes.get(spelling))) is not None]
            level.declared[name] = max(found) if found else None
        level.declares = level.declared["tests"] is not None
        return level

    def drift(self, name: str) -> int:
        """Return declared minus actual; that of the inner suites where this one is right or silent.

        Most writers count what is in inner suites in the outer counter, some leave it out, node counts each inner
        suite as one: all are right.
        """
        stated, direct = self.declared[name], self.direct[name]
        right = {None, direct + self.inner[name]}
        if self.inner_suites["tests"]:
            right |= {direct, direct + self.inner_suites[name]}
        return self.inner_drift[name] if stated in right else (stated or 0) - direct - self.inner[name]

    def take(self, inner: Level) -> None:
        """Add an inner suite that has ended."""
        for name in ATTRIBUTES:
            held = inner.direct[name] + inner.inner[name]
            self.inner[name] += held
            self.inner_suites[name] += bool(held) or name == "tests"
            self.inner_drift[name] += inner.drift(name)
        self.declares = self.declares or inner.declares

    def whole_drift(self) -> dict[str, int]:
        """Return the drift of a whole report; mocha counts its `<failure>` elements as errors, and is right so."""
        drift = dict(self.inner_drift)
        if drift["failure"] + drift["error"] == 0:
            drift["failure"] = drift["error"] = 0
        return drift

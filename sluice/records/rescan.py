"""Records of what serves, looked at again with newer vulnerability data."""

from __future__ import annotations

from pydantic import AwareDatetime, Field

from sluice.records.common import ArtifactRef, Frozen
from sluice.records.scan import Finding


class Served(Frozen):
    """A release that serves in an environment, with what its own scan knew of it.

    `sbom` None: its scan made none. `known` are the fingerprints of its scan, `told` those that an earlier look at it
    has found.
    """

    project: str
    environment: str
    environment_id: int
    release_digest: str
    sbom: ArtifactRef | None
    known: frozenset[str]
    told: frozenset[str] = frozenset()


class Rescan(Frozen):
    """What a look found; `problem` is not empty when nothing could be looked for, and says why."""

    served: Served
    problem: str = ""
    database_updated_at: AwareDatetime | None = None
    packages: int = Field(default=0, ge=0)
    findings: tuple[Finding, ...] = ()

    @property
    def new(self) -> tuple[Finding, ...]:
        """Those that the release's own scan did not know."""
        return tuple(each for each in self.findings if each.fingerprint not in self.served.known)

    @property
    def untold(self) -> tuple[Finding, ...]:
        """Those of the new ones that no earlier look has told of."""
        return tuple(each for each in self.new if each.fingerprint not in self.served.told)

    def __str__(self) -> str:
        """Return it as a person wants to read it."""
        where = f"{self.served.project} {self.served.environment} {self.served.release_digest[:19]}"
        if self.problem:
            return f"{where}: not looked at: {self.problem}"
        names = ", ".join(f"{each.rule} in {each.package} {each.version}" for each in self.untold[:10])
        return f"{where}: {self.packages} packages, {len(self.new)} findings newer than its scan" + (
            f"; told for the first time: {names}" if names else ""
        )

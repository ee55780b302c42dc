"""Where a rollback goes: the release that is bad, and the one that is to serve instead."""

from __future__ import annotations

from dataclasses import dataclass

from sluice.errors import DeployRefusedError
from sluice.records.build import Release
from sluice.records.deploy import RollbackRequest
from sluice.stages.deploy_site import Kept
from sluice.stages.deploy_turn import Turn
from sluice.targets.base import ReplicaSet


@dataclass(frozen=True)
class Choice:
    """What a rollback is about.

    Attributes:
        bad: the release to get away from; None when nothing serves and none was named.
        serving: the replicas that get the users' requests now.
        target: the release to go to, as it was deployed here; None when there is none.
        smoke_passed: the target had passed smoke in this environment.
        absence: why the target cannot be had; empty: it runs, or lies unharmed where it is kept.
    """

    bad: Release | None
    serving: ReplicaSet | None
    target: Kept | None
    smoke_passed: bool
    absence: str = ""

    @property
    def already_serves(self) -> bool:
        """Tell whether the target gets the users' requests already: the bad release was a candidate only."""
        return bool(self.target and self.serving and self.serving.release.digest == self.target.release.digest)


def choose(mine: Turn, request: RollbackRequest) -> Choice:
    """Return where to go; see :func:`sluice.stages.rollback.rollback` for what is refused."""
    site, journal = mine.site, mine.world.journal
    serving = site.serving()
    bad = request.bad or (serving.release if serving is not None else None)
    release = _named(mine, request.to_digest) if request.to_digest else _usual(mine, serving, bad)
    if release is None:
        return Choice(bad, serving, None, smoke_passed=False, absence="no release")
    good = journal.smoke_passed(site.project, site.environment, release.digest)
    runs = serving is not None and serving.release.digest == release.digest
    kept = _as_it_runs(mine, serving, request) if runs and serving else _kept(mine, request, release)
    absence = "" if runs else site.target.absence(release, (kept or request).declaration)
    return Choice(bad, serving, kept, smoke_passed=good, absence=absence)


def _usual(mine: Turn, serving: ReplicaSet | None, bad: Release | None) -> Release | None:
    """A candidate that failed leaves what serves; otherwise the last release that was good here."""
    if serving is not None and bad is not None and _is_candidate(mine, bad, serving):
        return serving.release
    site = mine.site
    return mine.world.journal.last_good_release(site.project, site.environment, bad.digest if bad else None)


def _is_candidate(mine: Turn, bad: Release, serving: ReplicaSet) -> bool:
    """Tell whether `bad` stands aside of what serves, be it the same release with another configuration."""
    aside = [each for each in mine.site.sets() if each.group != serving.group]
    return any(each.release.digest == bad.digest for each in aside)


def _named(mine: Turn, wanted: str) -> Release:
    site, journal = mine.site, mine.world.journal
    kept = site.all_kept()
    found = [each.release for each in kept if each.release.digest.removeprefix("sha256:").startswith(_hex(wanted))]
    if len(found) != 1:
        known = ", ".join(f"{each.release.digest[:19]} ({each.release.version})" for each in kept[:10])
        raise DeployRefusedError(
            f"{'several releases' if found else 'no release'} of {site.environment} match",
            code="RELEASE_UNKNOWN",
            where=site.environment,
            found=wanted,
            allowed=known or "nothing was deployed here yet",
            next_step="Name one of them, or none to go back to the last good one.",
        )
    reason = journal.fenced(site.project, site.environment, found[0].digest)
    if reason is not None:
        raise DeployRefusedError(
            f"release {found[0].digest[:19]} was rolled back in {site.environment} itself: {reason}",
            code="FENCED_RELEASE",
            where=site.environment,
            found=found[0].digest,
            next_step="Name another release, or none to go back to the last good one.",
        )
    return found[0]


def _hex(wanted: str) -> str:
    return wanted.removeprefix("sha256:")


def _kept(mine: Turn, request: RollbackRequest, release: Release) -> Kept | None:
    """Return how the release was deployed here, with today's declaration of the environment."""
    kept = mine.site.kept(release.digest)
    if kept is not None:
        return kept.model_copy(update={"declaration": request.declaration})
    if request.service is None:
        return None
    return Kept(release=release, service=request.service, declaration=request.declaration, smoke=request.smoke)


def _as_it_runs(mine: Turn, serving: ReplicaSet, request: RollbackRequest) -> Kept:
    kept = mine.site.kept(serving.release.digest)
    smoke = kept.smoke if kept is not None else request.smoke
    return Kept(release=serving.release, service=serving.service, declaration=serving.declaration, smoke=smoke)

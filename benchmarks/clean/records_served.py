"""The records of what serves: deploy, smoke test and rollback of a release, as their stages write them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from benchmarks.clean.records import Records
from benchmarks.clean.serving import Environment
from sluice import busy
from sluice.records.build import Release
from sluice.records.deploy import Condition, DeployRecord, Replica, RollbackRecord, Step
from sluice.records.smoke import Load, SmokeCheck, SmokeRecord, Threshold
from tests import factories

FELT = 1.15  # times slower: more is wanted of the processors than there is
MAX_ERRORS = 0.01
ASIDE = ("prepare", "start", "health", "candidate", "verify")
OVER = ("switch", "confirm", "drain", "remove")
PATH = "GET /orders"


class ServedRecords(Records):
    """Those of one run."""

    def deploy(self, place: Environment, environments: int) -> DeployRecord:
        """Return the candidate that stands aside; the users keep what they have."""
        fields = self._stage(self.random.lognormvariate(1.0, 0.5), dict)
        return factories.deploy(
            deployment_id=str(uuid4()),
            release=self.release,
            previous=place.serving,
            running_digests=(self.digest,),
            candidate_address="http://127.0.0.1:42900",
            steps=_steps(1, fields["started_at"], *ASIDE),
            **self._stands(place, self.digest, place.replicas),
            **{**fields, "conditions": _conditions(place, environments)},
        )

    def took_over(self, record: DeployRecord, *canary: str) -> DeployRecord:
        """Return what became of the candidate once its smoke test was accepted."""
        began = self.machine.tick()
        self.machine.take(self.random.uniform(0.5, 8))
        steps = (*record.steps, *_steps(len(record.steps) + 1, began, *canary, *OVER))
        return record.model_copy(update={"candidate_address": None, "steps": steps, "ended_at": self.machine.tick()})

    def still(self, place: Environment, environments: int) -> DeployRecord:
        """Return the deploy of what serves already: it was only looked at."""
        fields = self._stage(0.3, dict)
        return factories.deploy(
            deployment_id=str(uuid4()),
            release=self.release,
            previous=None,
            changed=False,
            running_digests=(self.digest,),
            steps=_steps(1, fields["started_at"], "verify"),
            **self._stands(place, self.digest, place.deployed[self.digest]),
            **{**fields, "conditions": _conditions(place, environments)},
        )

    def _stands(self, place: Environment, digest: str, many: int) -> dict[str, Any]:
        known = {"environment": place.site.name, "replicas_declared": many, "replicas": self._replicas(digest, many)}
        return {**known, "address": "http://127.0.0.1:41000"}

    def _replicas(self, digest: str, many: int, restarts: int = 0) -> tuple[Replica, ...]:
        first = self.random.randint(2000, 60000)
        return tuple(
            factories.replica(number, release_digest=digest, pid=first + number, restarts=restarts)
            for number in range(1, many + 1)
        )

    def smoke(self, place: Environment, *, new: bool = True, bad: bool = False) -> SmokeRecord:
        """Return the smoke test, with a load where the release is new here; of a bad one a check fails, and it ends."""
        checks = self._checks(bad=bad)
        load = self._load(place) if new and not bad else None
        reason = f"{PATH}: expected 200, observed 500" if bad else _crossed(load)
        skipped = "this release has served and passed here before"
        skipped = f"check failed before it: {PATH}" if bad and new else skipped
        return factories.smoke(
            environment=place.site.name,
            release=self.release,
            upstream_digests=(self.digest,),
            declared=len(checks) + (2 if new else 0),
            checks=checks,
            load=load,
            load_skipped="" if load else skipped,
            seen_release=self.commit,
            seen_expected=self.commit,
            **self._stage(5.0 if load else 0.5, lambda: {"passed": not reason, "reason": reason}),
        )

    def _checks(self, *, bad: bool = False, commit: str = "") -> tuple[SmokeCheck, ...]:
        commit = commit or self.commit
        return (
            factories.smoke_check(name="version", expected=commit, observed=commit),
            factories.smoke_check(name=PATH, passed=not bad, observed="500" if bad else "200"),
            factories.smoke_check(name="fresh answers", expected="answers", observed="8 answers", seconds=0.0),
        )

    def _load(self, place: Environment) -> Load:
        """Return what k6 saw; what the machine does besides, the load feels."""
        slow = self.machine.slow * self.random.lognormvariate(0.0, 0.2)
        took = place.latencies(slow)
        count = len(took)
        failed = int(self.random.random() < 0.05) + sum(self.random.random() < place.site.failing for _ in took)
        p50, p95, p99 = (took[int(share * (count - 1))] for share in (0.5, 0.95, 0.99))
        limit = place.site.max_p95
        seen = 1 + (self.machine.slow - 1) * self.random.uniform(0.5, 1.1)  # what is measured before and after the load
        return factories.load(
            **self._contest(),
            slowdown=seen,
            requests=count,
            failed=failed,
            rate=count / 3.0,
            p50_seconds=p50,
            p95_seconds=p95,
            p99_seconds=p99,
            thresholds=(
                _threshold("http_req_failed", f"rate<={MAX_ERRORS:g}", failed / count, MAX_ERRORS, count),
                _threshold("http_req_duration", f"p(95)<={limit * 1000:g}", p95 * 1000, limit * 1000, count),
            ),
        )

    def _contest(self) -> dict[str, float]:
        """Return who has the two processors: when more is wanted than there is, all get less."""
        release, load = self.random.uniform(0.02, 2.0), self.random.uniform(0.1, 0.3)
        slow = self.machine.slow
        others = 2 - (release + load) / slow if slow > FELT else self.random.uniform(0.0, 0.1)
        release, load = release / slow, load / slow
        shares = busy.shares([busy.Moment(0, 0, 0, 0), busy.Moment(1, release, load, release + load + others)], 2)
        assert shares is not None
        return {"release_cores": shares.theirs, "other_cores": shares.others, "crowded": shares.crowded}

    def withdrawn(self, place: Environment) -> RollbackRecord:
        """Return how a bad candidate was withdrawn: what served all along is proved, where anything did."""
        serves = place.serving
        if serves is None:
            why = f"{self.digest[:19]} was withdrawn before it served, and no release was good here before"
            nothing = {"running_digests": (), "replicas": (), "validation": (), "fenced": False}
            nothing |= {"target_smoke_passed": False, "passed": False, "reason": why, "seconds_to_restore": 0.0}
            return self._rollback(place, None, place.replicas, ("withdraw",), **nothing)
        many = place.deployed[serves.digest]
        again = self._replicas(serves.digest, many, restarts=int(self.random.random() < 0.1))  # it met a lack of memory
        return self._rollback(place, serves, many, ("confirm", "validate", "fence", "withdraw"), replicas=again)

    def went_back(self, place: Environment, target: Release) -> RollbackRecord:
        """Return the way back to an older release that somebody ordered, with its data where it is asked for them."""
        data: dict[str, Any] = {}
        if self.random.random() < 0.5:
            data = {"data_readable": True, "backup_problem": "" if self.random.random() < 0.5 else None}
        many = place.deployed[target.digest]
        steps = (*ASIDE[:3], *OVER, "validate", "fence", "withdraw")
        return self._rollback(place, target, many, steps, replicas=self._replicas(target.digest, many), **data)

    def _rollback(
        self, place: Environment, target: Release | None, many: int, steps: tuple[str, ...], **more: Any
    ) -> RollbackRecord:
        fields = self._stage(self.random.lognormvariate(0.5, 0.5), dict)
        known: dict[str, Any] = {"validation": self._checks(commit=target.commit)} if target else {}
        known |= {"running_digests": (target.digest,)} if target else {}
        return factories.rollback(
            **{
                **fields,
                "rollback_id": str(uuid4()),
                "environment": place.site.name,
                "from_digest": self.digest,
                "release": target,
                "replicas_declared": many,
                "steps": _steps(1, fields["started_at"], *steps),
                "reason": "asked for",
                **known,
                **more,
            }
        )


def _threshold(metric: str, expression: str, observed: float, limit: float, samples: int) -> Threshold:
    passed = observed <= limit
    return Threshold(metric=metric, expression=expression, passed=passed, samples=samples, observed=observed)


def _crossed(load: Load | None) -> str:
    crossed = [each for each in load.thresholds if not each.passed] if load else []
    return f"load: expected {crossed[0].metric} {crossed[0].expression}" if crossed else ""


def _steps(first: int, moment: datetime, *names: str) -> tuple[Step, ...]:
    return tuple(
        Step(ordinal=number, name=name, status="done", started_at=moment, ended_at=moment)
        for number, name in enumerate(names, start=first)
    )


def _conditions(place: Environment, environments: int) -> tuple[Condition, ...]:
    """Return what the stage sees of the rules in an environment that is in order."""
    subjects = {"D04": place.serving, "D05": place.serving, "D06": environments > 1, "D08": place.site.promote_from}
    looked = [
        Condition.holds(code, "as declared", "as declared")
        if subjects.get(code, True)
        else Condition.no_subject(code, "there is nothing to look at")
        for code in ("D03", "D04", "D05", "D06", "D07", "D08")
    ]
    aside = Condition.no_subject("D01", "a bundle lies in Sluice's own store, under its digest")
    started = [Condition.holds("D04", "as declared", "replicas as declared"), Condition.holds("D09", "none", "none")]
    return (*looked, aside, *started)

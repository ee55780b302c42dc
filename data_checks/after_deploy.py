"""After deploy: was it allowed to start, does what runs match what was asked for, in full number?"""

from __future__ import annotations

from collections.abc import Sequence

from data_checks.contract import BoundaryFacts, Check, Contract
from data_checks.frames import Frame, Parameter, Row, at_most, between, in_set
from sluice.records.deploy import Condition, DeployRecord, Replica

NOTHING = "nothing"
HOLDS, NO_SUBJECT = "holds", "no subject"
CONDITIONS = ("D03", "D05", "D06", "D07", "D08", "D04", "D09")  # what was asked for before what came of it


def running(digests: Sequence[str]) -> str:
    """Return the distinct digests in a fixed order, as one value."""
    return " and ".join(sorted(set(digests))) or NOTHING


def healthy(replicas: Sequence[Replica]) -> int:
    """Return the number of healthy replicas; two with one address are one."""
    return len({replica.address for replica in replicas if replica.healthy})


def record_row(record: DeployRecord, _facts: BoundaryFacts) -> list[Row]:
    """Return the one row of facts about the deploy."""
    return [
        {
            "release": record.release.digest,
            "running": running(record.running_digests),
            "healthy": healthy(record.replicas),
            "restarts": sum(replica.restarts for replica in record.replicas),
            "origin": state(record, "D01"),
            **{code: state(record, code) for code in CONDITIONS},
        }
    ]


def state(record: DeployRecord, code: str) -> str | None:
    """Return what was seen of a condition; None when nobody looked, so that the check could not run."""
    seen = [each for each in record.conditions if each.code == code]
    broken = [each.observed for each in seen if each.state == "broken"]
    if broken:
        return "; ".join(broken)
    if any(each.state == "holds" for each in seen):
        return HOLDS
    return NO_SUBJECT if seen else None


def _condition(code: str) -> Check[DeployRecord]:
    """Return the check of one condition that the stage looked at, before anything was started where that could be."""

    def of(record: DeployRecord) -> list[Condition]:
        """The broken ones, else those that hold, else whatever was seen."""
        seen = [each for each in record.conditions if each.code == code]
        found = [each for each in seen if each.state == "broken"] or [each for each in seen if each.state == "holds"]
        return found or seen

    def without(record: DeployRecord, _facts: BoundaryFacts) -> str:
        return "; ".join(each.observed for each in of(record)) if state(record, code) == NO_SUBJECT else ""

    return Check(
        code,
        (in_set("record", code, [HOLDS, NO_SUBJECT]),),
        expected=lambda record, _: "; ".join(dict.fromkeys(each.expected for each in of(record))),
        observed=lambda record, _: "; ".join(each.observed for each in of(record)),
        unless=without,
    )


def replica_rows(record: DeployRecord, _facts: BoundaryFacts) -> list[Row]:
    """Return one row a replica of a deploy that says it is done."""
    return [{"name": each.name, "digest": each.release_digest} for each in record.replicas] if record.passed else []


def parameters(record: DeployRecord, facts: BoundaryFacts) -> dict[str, object]:
    """Return what may run, and how many healthy replicas there must be."""
    digest = facts.need("release_digest")
    replicas = record.replicas_declared if facts.replicas is None else facts.replicas
    return {"release": [digest], "running": _allowed(record, digest), "replicas": replicas}


def _allowed(record: DeployRecord, digest: str) -> list[str]:
    """A deploy that says it failed must have left what was there before, or nothing where nothing was."""
    if record.passed:
        return [digest]
    return [digest, record.previous.digest if record.previous else NOTHING]


def _forged(record: DeployRecord) -> list[Condition]:
    """Return what was looked at before the start and showed that the image is not what was built."""
    return [each for each in record.conditions if each.code == "D01" and each.state == "broken"]


def _told(record: DeployRecord) -> list[str]:
    """Return what is wrong with the image; where nothing is, everything that was seen of it in its registry."""
    seen = [each for each in record.conditions if each.code == "D01" and record.release.kind == "image"]
    return [each.observed for each in _forged(record) or seen]


def _runs(record: DeployRecord) -> str:
    behind, replicas = running(record.running_digests), running([each.release_digest for each in record.replicas])
    return f"{behind} behind the proxy, replicas of {replicas}, for release {record.release.digest}"


CONTRACT = Contract(
    record=DeployRecord,
    frames=(
        Frame("record", ("release", "running", "healthy", "restarts", "origin", *CONDITIONS), record_row),
        Frame(
            "replicas",
            ("name", "digest"),
            replica_rows,
            count=lambda record, _: len(record.replicas) if record.passed else 0,
            empty="no replica is there to look at (D02), or the deploy says itself that it failed",
        ),
    ),
    parameters=parameters,
    checks=(
        *(_condition(code) for code in CONDITIONS[:5]),
        Check(
            "D01",
            (
                in_set("record", "release", Parameter("release")),
                in_set("record", "running", Parameter("running")),
                in_set("replicas", "digest", Parameter("release")),
                in_set("record", "origin", [HOLDS, NO_SUBJECT]),
            ),
            expected=lambda record, facts: "; ".join(
                (
                    " or ".join(_allowed(record, facts.need("release_digest"))),
                    *(each.expected for each in _forged(record)),
                )
            ),
            observed=lambda record, _: "; ".join((_runs(record), *_told(record))),
        ),
        Check(
            "D02",
            (
                between("record", "healthy", Parameter("replicas"), Parameter("replicas")),
                at_most("record", "restarts", 0),
            ),
            expected=lambda record, facts: f"{parameters(record, facts)['replicas']} healthy replicas, no restart",
            observed=lambda record, _: (
                f"{healthy(record.replicas)} healthy, {sum(each.restarts for each in record.replicas)} restarts"
            ),
            unless=lambda record, _: "" if record.passed else f"the deploy says itself that it failed: {record.reason}",
        ),
        *(_condition(code) for code in CONDITIONS[5:]),
    ),
)

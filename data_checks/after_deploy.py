"""After deploy: does what runs match what was asked for, in full number?"""

from __future__ import annotations

from collections.abc import Sequence

from data_checks.contract import BoundaryFacts, Check, Contract
from data_checks.frames import Frame, Parameter, Row, at_most, between, in_set
from sluice.records.deploy import DeployRecord, Replica

NOTHING = "nothing"


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
        }
    ]


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


CONTRACT = Contract(
    record=DeployRecord,
    frames=(
        Frame("record", ("release", "running", "healthy", "restarts"), record_row),
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
        Check(
            "D01",
            (
                in_set("record", "release", Parameter("release")),
                in_set("record", "running", Parameter("running")),
                in_set("replicas", "digest", Parameter("release")),
            ),
            expected=lambda record, facts: " or ".join(_allowed(record, facts.need("release_digest"))),
            observed=lambda record, _: (
                f"{running(record.running_digests)} behind the proxy, replicas of "
                f"{running([each.release_digest for each in record.replicas])}, for release {record.release.digest}"
            ),
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
    ),
)

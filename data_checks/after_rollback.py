"""After rollback: was there a good release to go to, and is the environment well again?"""

from __future__ import annotations

from data_checks.after_deploy import healthy, running
from data_checks.contract import BoundaryFacts, Check, Contract
from data_checks.frames import Frame, Parameter, Row, between, in_set
from sluice.records.deploy import RollbackRecord

READABLE = "it can read the data"
WHOLE = "it is what was dumped"
WELL, SAYS_BAD = "well", "no release to go back to, and the rollback says so"


def record_row(record: RollbackRecord, _facts: BoundaryFacts) -> list[Row]:
    """Return the one row of facts about the rollback."""
    return [
        {
            "target_smoke_passed": str(record.target_smoke_passed),
            "target_present": str(record.target_present),
            "state": state(record),
            "running": running(record.running_digests),
            "healthy": healthy(record.replicas),
            "data": record.data_problem
            or (READABLE if record.data_readable is not False else "it cannot read the data"),
            "backup": record.backup_problem or WHOLE,
        }
    ]


def state(record: RollbackRecord) -> str:
    """Tell how the environment is after the rollback, from the evidence."""
    if record.release is None:
        return "called passed without a release to go back to" if record.passed else SAYS_BAD
    failed = [check.name for check in record.validation if not check.passed]
    if failed:
        return f"failed: {', '.join(failed)}"
    if not record.validation:
        return "not validated"
    return WELL if record.passed else f"called failed: {record.reason}"


def parameters(record: RollbackRecord, _facts: BoundaryFacts) -> dict[str, object]:
    """Return what must run; nothing is asked of an environment without a release to go back to."""
    if record.release is None:
        return {"running": [running(record.running_digests)], "replicas": healthy(record.replicas)}
    # As many as when that release was deployed: the environment's declaration may be of the bad commit.
    return {"running": [record.release.digest], "replicas": record.replicas_declared}


def _no_target(record: RollbackRecord, _facts: BoundaryFacts) -> str:
    return f"there was no release to go back to: {record.reason}" if record.release is None else ""


def _expected(record: RollbackRecord, facts: BoundaryFacts) -> str:
    if record.release is None:
        return SAYS_BAD
    wanted = parameters(record, facts)["replicas"]
    return f"{wanted} healthy replicas of {record.release.digest} that pass their smoke test"


CONTRACT = Contract(
    record=RollbackRecord,
    frames=(
        Frame(
            "record",
            ("target_smoke_passed", "target_present", "state", "running", "healthy", "data", "backup"),
            record_row,
        ),
    ),
    parameters=parameters,
    checks=(
        Check(
            "R02",
            (in_set("record", "target_present", ["True"]),),
            expected=lambda record, _: f"{record.release.digest if record.release else 'a release'} in the store",
            observed=lambda record, _: "it is there" if record.target_present else record.reason,
            unless=_no_target,
        ),
        Check(
            "R01",
            (in_set("record", "target_smoke_passed", ["True"]),),
            expected=lambda record, _: f"a release that passed smoke in {record.environment}",
            observed=lambda record, _: "it did" if record.target_smoke_passed else "it never did",
            unless=_no_target,
        ),
        Check(
            "R04",
            (in_set("record", "backup", [WHOLE]),),
            expected=lambda _record, _facts: "a backup that is what was dumped: checksum, schema, rows",
            observed=lambda record, _: record.backup_problem or WHOLE,
            unless=lambda record, _: "no backup was to be put back" if record.backup_problem is None else "",
        ),
        Check(
            "R03",
            (in_set("record", "data", [READABLE]),),
            expected=lambda record, _: f"data that {record.release.digest[:19] if record.release else 'it'} can read",
            observed=lambda record, _: record.data_problem or "nothing but that it cannot",
            unless=lambda record, _: "its `service.reads_data` was not asked" if record.data_readable is None else "",
        ),
        Check(
            "R05",
            (
                in_set("record", "state", [WELL, SAYS_BAD]),
                in_set("record", "running", Parameter("running")),
                between("record", "healthy", Parameter("replicas"), Parameter("replicas")),
            ),
            expected=_expected,
            observed=lambda record, _: (
                f"{healthy(record.replicas)} healthy, {running(record.running_digests)} behind the proxy, "
                f"{state(record)}"
            ),
        ),
    ),
)

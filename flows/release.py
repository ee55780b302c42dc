"""From a scanned release to an environment that serves it: deploy aside, smoke, take over; or go back."""

from __future__ import annotations

from flows.approval import approve
from flows.project import Project
from flows.run import Run
from flows.stage import DEPLOY, ROLLBACK, SMOKE
from sluice.errors import ContractRejectedError, RolledBackError, SluiceError, SmokeFailedError
from sluice.records.build import BuildRecord
from sluice.records.common import StageRecord
from sluice.records.deploy import DeployRecord, DeployRequest, RollbackRecord, RollbackRequest
from sluice.records.scan import ScanRecord
from sluice.records.smoke import Copies, SmokeRequest
from sluice.stages.deploy import hold, open_world
from tasks.take_over import take_over
from tasks.verdict import outcome


def release_to(
    run: Run, project: Project, *before: StageRecord, built: BuildRecord, scanned: ScanRecord, allow_downgrade: bool
) -> None:
    """Bring the release up aside, smoke it there, let it take over; withdraw it when it is bad.

    The environment is held from the first step to the last: however this ends, exactly one release serves.
    """
    evidence = tuple(ref for record in (*before, built, scanned) for ref in record.artifacts)
    order = project.deploy_request(built, scanned, evidence, allow_downgrade=allow_downgrade)
    approve(run, order, project.author)
    purpose = f"deploy {order.release.digest[:19]}"
    with hold(open_world(), run.project, order.environment, run.id, run.log, purpose):
        deployed: DeployRecord = run.through(DEPLOY, order, replicas=order.declaration.replicas)
        try:
            run.through(SMOKE, smoke_request(order, deployed))
        except (SmokeFailedError, ContractRejectedError) as bad:
            if not deployed.changed:
                raise
            raise go_back(run, order, deployed, bad) from bad
        if deployed.candidate_address is None:
            return  # it serves already, and was accepted as that
        try:
            serving = outcome(take_over(deployed, run.context(DEPLOY), return_state=True))
        except SmokeFailedError as broken:
            raise go_back(run, order, deployed, broken) from broken
        run.amend(DEPLOY, serving, replicas=order.declaration.replicas)


def smoke_request(order: DeployRequest, deployed: DeployRecord) -> SmokeRequest:
    """Return what the smoke stage asks of the release, wherever it stands now."""
    docker = order.declaration.docker if deployed.target == "docker" else None
    return SmokeRequest(
        environment=order.environment,
        address=deployed.smoke_address,
        release=deployed.release,
        config=order.smoke,
        upstream_digests=deployed.running_digests,
        new_release=deployed.changed,
        replicas=deployed.replicas_declared,
        copies=Copies(
            names=tuple(each.name for each in deployed.replicas),
            pids=tuple(each.pid for each in deployed.replicas if each.pid),
            docker=docker,
        ),
    )


def go_back(run: Run, order: DeployRequest, deployed: DeployRecord, bad: SluiceError) -> SluiceError:
    """Run the rollback stage; return the error that says how the run ended."""
    request = RollbackRequest(
        environment=order.environment,
        declaration=order.declaration,
        service=order.service,
        smoke=order.smoke,
        bad=deployed.release,
        registry_login=order.registry_login,
        reason=f"{bad.code}: {bad.message}",
        requested_by="sluice",
    )
    try:
        healed: RollbackRecord = run.through(ROLLBACK, request)
    except SmokeFailedError as nowhere:
        return SmokeFailedError(bad.message, code=bad.code, next_step=str(nowhere))
    assert healed.release is not None
    return RolledBackError(
        f"{bad.code}: {bad.message}",
        where=order.environment,
        next_step=f"{healed.release.digest[:19]} serves {healed.address}; mend the commit and push again.",
    )

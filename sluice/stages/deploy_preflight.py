"""What is looked at before anything is started: the rules of the environment and its configuration."""

from __future__ import annotations

from sluice.config.model import Environment, Service
from sluice.errors import DeployRefusedError
from sluice.records.approval import refuse_frozen
from sluice.records.deploy import DeployRequest
from sluice.secrets import block_secrets, environment_block, refuse_placeholders, refuse_weak, resolve
from sluice.stages.workplace import now

RUNS = {"process": "bundle", "docker": "image"}  # target → kind of release


def required_service(service: Service | None, target: str) -> Service:
    """Return how the release is started; DeployRefusedError `NO_SERVICE` when nobody said. An image may know itself."""
    if service is None or (target == "process" and not service.command):
        raise DeployRefusedError(
            "the project does not say how its service is started",
            code="NO_SERVICE",
            where="sluice.yaml: service",
            next_step="Add `service:` with `command: [...]`, or take the environment out of `deploy:`.",
        )
    return service


def refuse_by_rule(request: DeployRequest) -> None:
    """Refuse what the environment's declaration forbids.

    Raises:
        DeployRefusedError: `RELEASE_KIND`, `NOT_SCANNED`, `FROZEN`.
    """
    refuse_frozen(request.declaration, request.environment, now())
    target = request.declaration.target
    if request.release.kind != RUNS[target]:
        raise DeployRefusedError(
            f"target {target} runs releases of kind {RUNS[target]}",
            code="RELEASE_KIND",
            where=f"environments.{request.environment}.target",
            found=request.release.kind,
            allowed=RUNS[target],
        )
    if request.declaration.protected and not request.vulnerabilities_scanned:
        raise DeployRefusedError(
            f"{request.environment} is protected, and this release was not scanned for vulnerabilities",
            code="NOT_SCANNED",
            where=f"environments.{request.environment}.protected",
            found=request.release.digest,
            next_step="Name vulnerability data in SLUICE_TRIVY_DB and run again; the scan then looks for them.",
        )


def secrets_of(declaration: Environment, environment: str) -> dict[str, str]:
    """Return the values of the declared secrets and of the environment's block.

    Raises:
        DeployRefusedError: `SECRET_MISSING`, `SECRET_REFERENCE`, `BLOCK_WRONG`.
    """
    where = f"environments.{environment}"
    secrets = resolve(declaration.secrets, f"{where}.secrets")
    if declaration.block is None:
        return secrets
    kept = environment_block(declaration.block, f"{where}.block")
    return {**{name: value for name, value in kept.items() if name not in declaration.variables}, **secrets}


def hidden_names(declaration: Environment) -> frozenset[str]:
    """Return the variables whose values nobody may see; a block's plain variables are none of them."""
    kept = block_secrets(declaration.block) if declaration.block is not None else frozenset()
    return kept | declaration.secrets.keys()


def configuration(declaration: Environment, environment: str) -> dict[str, str]:
    """Return what :func:`secrets_of` does, after a look at every variable: nothing is started with a placeholder (D03).

    Raises:
        DeployRefusedError: `SECRET_MISSING`, `SECRET_REFERENCE`, `SECRET_SHORT`, `SECRET_COMMON`, `BLOCK_WRONG`,
            `CONFIG_PLACEHOLDER`.
    """
    where = f"environments.{environment}"
    refuse_placeholders(declaration.variables, f"{where}.variables")
    secrets = secrets_of(declaration, environment)
    hidden = hidden_names(declaration)
    declared = declaration.secrets.keys()
    for part, names in (("secrets", declared), ("block", secrets.keys() - declared)):
        values = {name: secrets[name] for name in names}
        refuse_placeholders(values, f"{where}.{part}")
        refuse_weak({name: value for name, value in values.items() if name in hidden}, f"{where}.{part}")
    return secrets

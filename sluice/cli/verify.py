"""`sluice verify`: whether an image is what was built."""

from __future__ import annotations

import typer

from sluice.cli.screen import out
from sluice.database import database
from sluice.errors import ContractRejectedError
from sluice.settings import Settings
from sluice.store.images import find_image
from sluice.store.lineage import find_release


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command("verify")(verify)


def verify(
    digest: str = typer.Argument(..., help="Image: its digest, or the first characters, with or without `sha256:`."),
    project: str | None = typer.Option(None, "--project", help="Only of this project."),
) -> None:
    """Read an image again out of its registry: every byte, its tags, its signed provenance.

    Ends with 16 when anything is not as it was built.
    """
    from sluice.releases.verify import verify as look  # the registry's client takes long to import
    from sluice.tools.docker.login import login_of
    from sluice.tools.docker.registry import Registry

    image = find_image(database(), find_release(database(), digest, project))
    with Registry(image.name, login_of(image.login)) as registry:
        proofs = look(registry, image.digest, image.commit, image.tags, Settings().home.secrets)
    out.print(f"{image.name}@{image.digest}")
    for proof in proofs:
        out.print(f"{'✗' if proof.problem else '✓'} {proof.name}: {proof.problem or proof.detail}", markup=False)
    bad = [proof.name for proof in proofs if proof.problem]
    if bad:
        raise ContractRejectedError(
            "the image is not what was built",
            code="IMAGE_REFUSED",
            where=f"{image.name}@{image.digest}",
            found=", ".join(bad),
            next_step="Do not deploy it: build the commit again with `sluice run --fresh`.",
        )

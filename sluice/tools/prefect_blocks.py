"""What people filled in as blocks in the Prefect UI, read over its API: the classes in `blocks/` make the forms."""

from __future__ import annotations

from typing import Any

from sluice.errors import SluiceError
from sluice.services.addresses import load
from sluice.settings import current_settings
from sluice.tools.prefect_api import PrefectApi

GIT_HOST = "sluice-git-host"
ENVIRONMENT = "sluice-environment"
LIMIT = 200


def read(slug: str, name: str) -> dict[str, Any] | None:
    """Return the fields of one block, secrets in the clear; None when there is none of this name.

    Raises:
        PrefectDownError: the server does not answer.
        InfrastructureError: `SERVICES_DOWN`: the services were never started here.
    """
    path = f"/block_types/slug/{slug}/block_documents/name/{name}?include_secrets=true"
    found = PrefectApi(load(current_settings())).find(path)
    return None if found is None else dict(found["data"])


def read_all(slug: str) -> dict[str, dict[str, Any]]:
    """Return name → fields of every block of a type, secrets in the clear; none when services were never started.

    Raises:
        PrefectDownError: the server does not answer.
    """
    try:
        addresses = load(current_settings())
    except SluiceError:
        return {}
    body = {"block_types": {"slug": {"any_": [slug]}}, "include_secrets": True, "limit": LIMIT}
    found = PrefectApi(addresses).post("/block_documents/filter", body)
    return {document["name"]: dict(document["data"]) for document in found if document["name"]}

"""Variables and secrets of an environment, kept by Prefect instead of in the repository."""

from __future__ import annotations

from prefect.blocks.core import Block
from prefect.types import SecretDict
from pydantic import Field, TypeAdapter, field_validator

from sluice.config.texts import ServiceVariable
from sluice.tools.prefect_blocks import ENVIRONMENT

_NAMES: TypeAdapter[dict[str, str]] = TypeAdapter(dict[ServiceVariable, str])


class ServiceEnvironment(Block):
    """Variables and secrets of a service in one environment.

    `sluice.yaml` names it: `environments: {staging: {block: NAME}}`. What the file declares itself comes first.
    """

    _block_type_name = "Sluice Environment"
    _block_type_slug = ENVIRONMENT

    variables: dict[str, str] = Field(
        default_factory=dict,
        title="Variables",
        description="Plain variables of the service, name and value.",
        examples=[{"LOG_LEVEL": "info"}],
    )
    secrets: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        title="Secrets",
        description="Secret variables of the service, name and value; kept encrypted and never shown again.",
    )

    @field_validator("variables")
    @classmethod
    def _names(cls, variables: dict[str, str]) -> dict[str, str]:
        return _NAMES.validate_python(variables)

"""The `build.image` section of `sluice.yaml`: how an image is built, and the registry that it goes to."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sluice.config.declared import Declared
from sluice.config.docker import RegistryLogin
from sluice.config.texts import ProjectPath, SecretReference, Variable
from sluice.config.units import Duration

_HOST = r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:)|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_HOST}(?:/{_PART})+")


BuildSecret = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
"""What `RUN --mount=type=secret,id=…` asks for."""


def image_repository(value: str) -> str:
    """Return `value` when it names a registry and a repository in it; ValueError otherwise."""
    if not _REPOSITORY.fullmatch(value) or len(value) > 255:
        raise ValueError("registry and repository without a tag, e.g. registry.example/team/greeter")
    return value


class ImageConfig(Declared):
    """How the image is built, and where it goes."""

    repository: Annotated[str, AfterValidator(image_repository)] = Field(
        description="Registry and repository, e.g. `registry.example/team/greeter`."
    )
    dockerfile: ProjectPath = Field(default="Dockerfile", description="The Dockerfile, relative to the project.")
    context: ProjectPath = Field(
        default=".", description="Folder that the build sees, without `.git` and what `.dockerignore` names."
    )
    target: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="Stage to build; the last one when empty."
    )
    args: dict[Variable, str] = Field(
        default_factory=dict, description="Build arguments. They stay readable in the image: never secrets."
    )
    secrets: dict[BuildSecret, SecretReference] = Field(
        default_factory=dict,
        description="Secrets of `RUN --mount=type=secret,id=NAME`: `env:NAME`, `file:/path` or `block:name`.",
    )
    bases: tuple[str, ...] = Field(
        default=(), description="Globs of images that `FROM` may name; any when empty. `scratch` is always allowed."
    )
    builder: Literal["auto", "buildkit", "classic"] = Field(
        default="auto", description="`auto`: BuildKit where the engine has it."
    )
    login: RegistryLogin | None = Field(default=None, description="Login of the registry; anonymous when empty.")
    push_timeout: Duration = Field(default=600.0, description="Time limit of one request to the registry.")

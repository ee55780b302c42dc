"""What a Dockerfile may not ask for: other frontends, more rights, secrets that stay in the image, unknown bases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from sluice.config.image import ImageConfig
from sluice.errors import BuildFailedError
from sluice.releases.inspect import suspicious
from sluice.tools.docker.dockerfile import (
    Dockerfile,
    DockerfileError,
    Instruction,
    Stage,
    assignments,
    final,
    outside_images,
    stages,
)

FRONTEND = re.compile(r"(?:docker\.io/)?docker/dockerfile(?::[\w.-]+)?@sha256:[0-9a-f]{64}")
_RIGHTS = re.compile(r"--(?:security=insecure|network=host|device=.*)")
_SECRET = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|PRIVATE_?KEY|ACCESS_KEY|CREDENTIALS?|AUTH)$", re.I
)
_OWN_ARGUMENTS = ("BUILDKIT_SYNTAX", "BUILDKIT_SANDBOX_HOSTNAME", "BUILDKIT_CONTEXT_KEEP_GIT_DIR")


class FrontendError(BuildFailedError):
    """The Dockerfile brings a builder of its own, or asks for rights of the machine."""

    code = "DOCKERFILE_FRONTEND"
    next_step = "Take it out: a frontend and these flags run with the rights of the engine."


class SecretInBuildError(BuildFailedError):
    """A secret would stay readable in the image."""

    code = "SECRET_IN_BUILD"
    next_step = "Take it out: a step gets it by RUN --mount=type=secret (build.image.secrets), a service when it runs."


class BuildSecretError(BuildFailedError):
    """A step asks for a secret that it would not get: it would run on nothing, and its result would stay."""

    code = "BUILD_SECRET"


def look_through(file: Dockerfile, config: ImageConfig, platform: str) -> tuple[list[Stage], Stage]:
    """Return the stages of a Dockerfile and the one that is built, when nothing in it is refused.

    Raises:
        DockerfileError: a stage that is not there, a base that is not allowed.
        FrontendError: another frontend, more rights.
        SecretInBuildError: a secret in ARG, ENV, COPY or in the build arguments.
        BuildSecretError: a step asks for a secret that is not declared, or that the builder cannot hand out.
    """
    _frontend(file, config.args)
    for each in file.instructions:
        _rights(file.name, each)
        _mounts(file.name, each, config)
        _secrets(file.name, each)
    for name in config.args:
        if _SECRET.search(name):
            raise SecretInBuildError("a build argument stays readable", where=f"build.image.args.{name}")
    found = stages(file, config.args, platform)
    for image, line in outside_images(found):
        _base(file.name, image, line, config.bases)
    return found, final(found, config.target, file.name)


def _frontend(file: Dockerfile, args: Mapping[str, str]) -> None:
    named, line = file.directives.get("syntax", ("", 0))
    if named and not FRONTEND.fullmatch(named):
        raise FrontendError(
            f"line {line}: the builder is replaced",
            where=file.name,
            found=f"# syntax={named}",
            allowed="only docker/dockerfile@sha256:…, or none",
        )
    declared = {name: each.line for each in file.instructions if each.word == "ARG" for name, _ in _pairs(each)}
    for name in _OWN_ARGUMENTS:
        if name in declared or name in args:
            where = f"{file.name}: line {declared[name]}" if name in declared else f"build.image.args.{name}"
            raise FrontendError(f"{name} steers the builder itself", where=where)


def _rights(name: str, each: Instruction) -> None:
    for flag in each.flags:
        if each.word == "RUN" and _RIGHTS.fullmatch(flag):
            raise FrontendError(f"line {each.line}: RUN asks for rights of the machine", where=name, found=flag)


def _mounts(name: str, each: Instruction, config: ImageConfig) -> None:
    for flag in each.flags if each.word == "RUN" else ():
        pairs = [part.partition("=")[::2] for part in flag.removeprefix("--mount=").split(",")]
        options = {key.lower(): value for key, value in pairs}
        kind = options.get("type", "").lower() if flag.startswith("--mount=") else ""
        if kind == "ssh":
            raise BuildSecretError(
                f"line {each.line}: Sluice hands no ssh agent to builds",
                where=name,
                found=flag,
                next_step="Declare the key in build.image.secrets and mount it: RUN --mount=type=secret.",
            )
        if kind == "secret":
            _secret_mount(name, each.line, options, config)


def _secret_mount(name: str, line: int, options: Mapping[str, str], config: ImageConfig) -> None:
    named = [options[each] for each in ("source", "src", "id") if options.get(each)]  # in BuildKit's own order
    targets = [options[each].rpartition("/")[2] for each in ("target", "dst", "destination") if each in options]
    wanted = next(iter((*named, *targets)), "")
    if wanted not in config.secrets:
        raise BuildSecretError(
            f"line {line}: the step asks for a secret that is not declared, and would run on nothing",
            where=name,
            found=wanted or "no id",
            allowed=", ".join(config.secrets) or "none is declared",
            next_step=f"Declare it: build.image.secrets: {{{wanted or 'NAME'}: env:…}}.",
        )
    if config.builder == "classic":
        raise no_buildkit("build.image.builder")


def no_buildkit(where: str) -> BuildSecretError:
    """Return the error of a builder that hands out no secrets."""
    return BuildSecretError(
        "the classic builder hands no secrets to steps but in ways that stay in the image",
        where=where,
        next_step="Build with BuildKit (build.image.builder: auto, and an engine that has it).",
    )


def _secrets(name: str, each: Instruction) -> None:
    for problem in _leaks(each):
        raise SecretInBuildError(f"line {each.line}: {each.word} {problem}", where=name)


def _leaks(each: Instruction) -> Iterator[str]:
    if each.word in ("ARG", "ENV"):
        for variable, value in _pairs(each):
            if _SECRET.search(variable) and (each.word == "ARG" or value):
                yield f"{variable} stays readable in the image"
    if each.word in ("COPY", "ADD"):
        for path in _sources(each):
            if problem := suspicious(path):
                yield f"{path} puts {problem} into the image"


def _pairs(each: Instruction) -> list[tuple[str, str | None]]:
    return assignments(each.rest)


def _sources(each: Instruction) -> list[str]:
    if any(flag.startswith("--from=") for flag in each.flags):
        return []
    words = re.findall(r'"([^"]*)"', each.rest) if each.rest.startswith("[") else each.rest.split()
    return words[:-1]


def _base(name: str, image: str, line: int, allowed: Sequence[str]) -> None:
    if allowed and not any(fnmatchcase(image, glob) for glob in allowed):
        raise DockerfileError(
            f"line {line}: base image is not allowed",
            code="DOCKERFILE_BASE",
            where=name,
            found=image,
            allowed=", ".join(allowed),
            next_step="Use another base, or add it to build.image.bases in sluice.yaml.",
        )

"""A Dockerfile is read as the builder reads it, and what it may not ask for is refused by line."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.config.image import ImageConfig
from sluice.errors import SluiceError
from sluice.tools.docker.dockerfile import base_of, final, outside_images, parse, stages
from sluice.tools.docker.dockerfile_rules import look_through

LONG = """# syntax=docker/dockerfile:1@sha256:{digest}
ARG VERSION=3.11
FROM --platform=$BUILDPLATFORM python:${{VERSION}}-slim AS build
# a comment
RUN apt-get update \\
    # inside of it
    && apt-get install -y gcc

COPY --chown=1:1 src /src
RUN <<EOF
FROMAGE is not read
EOF
FROM build AS tested
FROM gcr.io/distroless/python${{VARIANT:-3}}
COPY --from=build /src /src
CMD ["python"]
""".format(digest="a" * 64)


def problem(text: str, **image: Any) -> str:
    config = ImageConfig.model_validate({"repository": "127.0.0.1:5000/greeter", **image})
    with pytest.raises(SluiceError) as caught:
        look_through(parse(text), config, "linux/amd64")
    return str(caught.value)


def test_instructions_have_the_lines_on_which_they_begin() -> None:
    file = parse(LONG)
    assert [(each.word, each.line) for each in file.instructions] == [
        *(("ARG", 2), ("FROM", 3), ("RUN", 5), ("COPY", 9), ("RUN", 10), ("FROM", 13), ("FROM", 14), ("COPY", 15)),
        ("CMD", 16),
    ]
    assert file.instructions[2].rest == "apt-get update && apt-get install -y gcc"
    assert file.instructions[3].flags == ("--chown=1:1",)


def test_stages_know_where_they_come_from() -> None:
    found = stages(parse(LONG), {"VERSION": "3.12"}, "linux/amd64")
    assert [(each.image, each.alias) for each in found] == [
        *(("python:3.12-slim", "build"), ("build", "tested"), ("gcr.io/distroless/python3", "")),
    ]
    assert outside_images(found) == [("python:3.12-slim", 3), ("gcr.io/distroless/python3", 14)]
    assert base_of(found[2], found) == "gcr.io/distroless/python3"
    assert base_of(final(found, "tested", "Dockerfile"), found) == "python:3.12-slim"
    nothing = stages(parse("FROM scratch\nCOPY a /\n"), {}, "linux/amd64")
    assert base_of(nothing[0], nothing) == ""


def test_what_is_fine_is_let_through() -> None:
    config = ImageConfig.model_validate({"repository": "127.0.0.1:5000/greeter", "bases": ["python:*", "gcr.io/*"]})
    found, last = look_through(parse(LONG), config, "linux/amd64")
    assert last is found[-1]
    look_through(
        parse("\ufeffFROM a\r\nENV TOKEN_FILE=/run/secrets/token\r\nENV API_TOKEN=\r\n"),
        config.model_copy(update={"bases": ()}),
        "linux/amd64",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "DOCKERFILE: it holds no instruction"),
        ("# only a comment\n", "DOCKERFILE: it holds no instruction"),
        ("RUN echo\n", "DOCKERFILE: line 1: no FROM before it"),
        ("ARG A=1\n", "DOCKERFILE: line 1: no FROM before it"),
        ("FROM a\n\n\n\n\n\nRUNN x\n", "DOCKERFILE: line 7: unknown instruction 'RUNN'"),
        ("FROM a\nRUN\n", "DOCKERFILE: line 2: RUN without anything behind it"),
        ("FROM a b\n", "DOCKERFILE: line 1: FROM names no image"),
        ("FROM $NOTHING\n", "DOCKERFILE: line 1: FROM names no image"),
        ("# syntax=evil/frontend\nFROM a\n", "DOCKERFILE_FRONTEND: line 1: the builder is replaced"),
        ("# syntax=docker/dockerfile:1\nFROM a\n", "allowed: only docker/dockerfile@sha256:"),
        ("FROM a\nARG BUILDKIT_SYNTAX=x\n", "DOCKERFILE_FRONTEND: BUILDKIT_SYNTAX steers the builder itself"),
        ("FROM a\nRUN --security=insecure id\n", "DOCKERFILE_FRONTEND: line 2: RUN asks for rights of the machine"),
        (
            "FROM a\nRUN --mount=type=secret,id=t cat /run/secrets/t\n",
            "BUILD_SECRET: line 2: the step asks for a secret",
        ),
        ("FROM a\nRUN --mount=type=secret,target=/root/.npmrc id\n", "found '.npmrc', allowed: none is declared"),
        ("FROM a\nRUN --mount=TYPE=Secret id\n", "BUILD_SECRET: line 2"),
        ("FROM a\nRUN --mount=id=t,type=ssh id\n", "BUILD_SECRET: line 2: Sluice hands no ssh agent to builds"),
        ("FROM a\nRUN --network=host id\n", "DOCKERFILE_FRONTEND: line 2"),
        ("FROM a\nENV A=1 NPM_TOKEN=abc\n", "SECRET_IN_BUILD: line 2: ENV NPM_TOKEN stays readable in the image"),
        ("FROM a\nENV NPM_TOKEN abc\n", "SECRET_IN_BUILD: line 2"),
        ("FROM a\nARG DB_PASSWORD\n", "SECRET_IN_BUILD: line 2: ARG DB_PASSWORD"),
        ("FROM a\n\nCOPY .env /app/\n", "SECRET_IN_BUILD: line 3: COPY .env puts a file of environment variables"),
        ('FROM a\nCOPY --chown=1 ["keys/id_rsa", "/root/.ssh/"]\n', "SECRET_IN_BUILD: line 2: COPY keys/id_rsa puts a"),
    ],
)
def test_bad_input_is_refused_by_line(text: str, told: str) -> None:
    assert told in problem(text)


def test_a_declared_secret_may_be_mounted() -> None:
    declared = {"npmrc": "env:NPMRC"}
    config = ImageConfig.model_validate({"repository": "127.0.0.1:5000/greeter", "secrets": declared})
    for options in ("id=npmrc,target=/root/.npmrc", "target=/root/npmrc", "source=npmrc,id=other"):
        look_through(parse(f"FROM a\nRUN --mount=type=secret,{options} npm ci\n"), config, "linux/amd64")
    told = problem("FROM a\nRUN --mount=type=secret,id=npmrc,source=other npm ci\n", secrets=declared)
    assert "found 'other', allowed: npmrc" in told
    classic = problem("FROM a\nRUN --mount=type=secret,id=npmrc npm ci\n", secrets=declared, builder="classic")
    assert classic.startswith("BUILD_SECRET: the classic builder hands no secrets")


def test_refusals_that_the_declaration_makes() -> None:
    assert "DOCKERFILE_BASE: line 2: base image is not allowed" in problem("ARG A\nFROM other:1\n", bases=["python:*"])
    assert "SECRET_IN_BUILD: a build argument stays readable, at build.image.args.TOKEN" in problem(
        "FROM a\n", args={"TOKEN": "x"}
    )
    assert "DOCKERFILE_FRONTEND: BUILDKIT_SYNTAX" in problem("FROM a\n", args={"BUILDKIT_SYNTAX": "x"})
    assert "there is no such stage" in problem("FROM a AS b\n", target="c")

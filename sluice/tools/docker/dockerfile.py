"""Reading a Dockerfile: its instructions with their lines, as the builder would see them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sluice.errors import BuildFailedError

KNOWN = frozenset(
    {
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"),
        *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
    }
)
_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$")
_HEREDOC = re.compile(r"<<(-?)\s*(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\2")
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[A-Za-z_]\w*)(?::(?P<how>[-+])(?P<other>[^}]*))?\}|(?P<plain>[A-Za-z_]\w*))")


class DockerfileError(BuildFailedError):
    """The Dockerfile cannot be built; found before anything is pulled."""

    code = "DOCKERFILE"
    next_step = "Correct the Dockerfile."


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word in capitals, its flags (`--mount=…`), the rest on one line, its first line."""

    word: str
    flags: tuple[str, ...]
    rest: str
    line: int


@dataclass(frozen=True)
class Dockerfile:
    """A parsed Dockerfile."""

    name: str
    directives: Mapping[str, tuple[str, int]]
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True)
class Stage:
    """One `FROM`: the image that it begins with (arguments replaced), its name, its line."""

    image: str
    alias: str
    line: int
    instructions: list[Instruction] = field(default_factory=list)


def parse(text: str, name: str = "Dockerfile") -> Dockerfile:
    """Return what a Dockerfile says.

    Raises:
        DockerfileError: empty, an unknown instruction, an instruction without arguments, one before the first FROM.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    directives = _directives(lines)
    escape = directives.get("escape", ("\\", 0))[0]
    found = tuple(_instruction(joined, line, name) for line, joined in _joined(lines, escape))
    if not found:
        raise DockerfileError("it holds no instruction", where=name)
    first = next((each for each in found if each.word != "ARG"), None)
    if first is None or first.word != "FROM":
        line = first.line if first else found[-1].line
        raise DockerfileError(f"line {line}: no FROM before it", where=name, allowed="FROM, and ARG before it")
    return Dockerfile(name, directives, found)


def stages(file: Dockerfile, args: Mapping[str, str], platform: str) -> list[Stage]:
    """Return the stages, with build arguments in the names of images replaced; `platform` such as `linux/amd64`.

    Raises:
        DockerfileError: a FROM names nothing.
    """
    system, _, machine = platform.partition("/")
    known = {"TARGETPLATFORM": platform, "TARGETOS": system, "TARGETARCH": machine}
    known |= {"BUILDPLATFORM": platform, "BUILDOS": system, "BUILDARCH": machine}
    found: list[Stage] = []
    for each in file.instructions:
        if each.word == "ARG" and not found:
            for name, default in assignments(each.rest):
                known[name] = args.get(name, default if default is not None else "")
        elif each.word == "FROM":
            words = expand(each.rest, known).split()
            if not words or len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
                raise DockerfileError(
                    f"line {each.line}: FROM names no image", where=file.name, allowed="FROM image [AS name]"
                )
            found.append(Stage(words[0], words[2].lower() if len(words) == 3 else "", each.line))
        elif found:
            found[-1].instructions.append(each)
    return found


def final(found: Sequence[Stage], target: str | None, name: str) -> Stage:
    """Return the stage that is built.

    Raises:
        DockerfileError: there is no stage of that name.
    """
    if target is None:
        return found[-1]
    for position, stage in enumerate(found):
        if target.lower() == stage.alias or target == str(position):
            return stage
    names = ", ".join(stage.alias for stage in found if stage.alias) or "none has a name"
    raise DockerfileError("there is no such stage", where=name, found=target, allowed=names)


def base_of(stage: Stage, found: Sequence[Stage]) -> str:
    """Return the image outside of this Dockerfile that a stage comes from; empty: it begins with nothing."""
    by_name = {each.alias: each for each in found[: found.index(stage)] if each.alias}
    earlier = by_name.get(stage.image.lower())
    if earlier is not None:
        return base_of(earlier, found)
    return "" if stage.image == "scratch" else stage.image


def outside_images(found: Sequence[Stage]) -> list[tuple[str, int]]:
    """Return the images that stages begin with and that no stage makes, with their lines."""
    names: set[str] = set()
    outside = []
    for stage in found:
        if stage.image != "scratch" and stage.image.lower() not in names:
            outside.append((stage.image, stage.line))
        names |= {stage.alias} - {""}
    return outside


def assignments(rest: str) -> list[tuple[str, str | None]]:
    """Return the names of an ARG or ENV with their values; `ENV name value` is the old form of one."""
    first, _, value = rest.partition(" ")
    if "=" not in first:
        return [(first, value.strip() or None)]
    pairs = re.findall(r"([A-Za-z_][\w.-]*)(?:=(\"(?:\\.|[^\"])*\"|'[^']*'|(?:\\.|\S)*))?", rest)
    return [(name, text.strip("\"'")) for name, text in pairs]


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace `$NAME`, `${NAME}`, `${NAME:-other}` and `${NAME:+other}`."""

    def value(match: re.Match[str]) -> str:
        found = values.get(match["braced"] or match["plain"], "")
        if match["how"] == "-":
            return found or match["other"]
        return (match["other"] if found else "") if match["how"] == "+" else found

    return _VARIABLE.sub(value, text)


def _directives(lines: Sequence[str]) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines, start=1):
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None:
            break
        found.setdefault(match[1].lower(), (match[2], number))
    return found


def _joined(lines: Sequence[str], escape: str) -> Iterator[tuple[int, str]]:
    """Yield each instruction on one line: continued lines joined, comments and the bodies of heredocs left out."""
    parts: list[str] = []
    begun, waiting = 0, list[tuple[str, bool]]()
    for number, line in enumerate(lines, start=1):
        if waiting:
            word, indented = waiting[0]
            if (line.lstrip("\t") if indented else line) == word:
                waiting.pop(0)
            continue
        text = line.strip()
        if not text or text.startswith("#"):
            continue  # empty lines and comments do not end an instruction
        begun = begun if parts else number
        goes_on = text.endswith(escape)
        parts.append(text.removesuffix(escape).strip() if goes_on else text)
        if not goes_on:
            joined = " ".join(parts)
            parts = []
            if joined.split(" ", 1)[0].upper() in ("RUN", "COPY", "ADD"):
                waiting = [(match[3], bool(match[1])) for match in _HEREDOC.finditer(joined)]
            yield begun, joined
    if parts:
        yield begun, " ".join(parts)


def _instruction(joined: str, line: int, name: str) -> Instruction:
    word, _, rest = joined.partition(" ")
    if word.upper() not in KNOWN:
        raise DockerfileError(f"line {line}: unknown instruction {word[:40]!r}", where=name)
    words = rest.split()
    flags = []
    while words and words[0].startswith("--"):
        flags.append(words.pop(0))
    if not words:
        raise DockerfileError(f"line {line}: {word.upper()} without anything behind it", where=name)
    if flags:
        rest = rest.strip()
        for flag in flags:
            rest = rest.removeprefix(flag).strip()
    return Instruction(word.upper(), tuple(flags), rest.strip(), line)

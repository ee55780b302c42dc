"""Secret references of `sluice.yaml` and the values behind them: `env:NAME`, `file:/path`, `block:NAME`.

A value lives in the replica's own environment file (mode 0600) and nowhere else: no record, no log, no command line.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sluice import masks
from sluice.config.texts import ServiceVariable
from sluice.errors import DeployRefusedError

_PLACEHOLDER = re.compile(r"(?:change[-_ ]?me|replace[-_ ]?me|placeholder|todo|fixme|<[^<>]*>)", re.IGNORECASE)
_UNEXPANDED = re.compile(r"\$\{[^}]*\}|\{\{[^}]*\}\}")
_VARIABLES: TypeAdapter[dict[str, str]] = TypeAdapter(dict[ServiceVariable, str])
SHORTEST = 8  # characters of a secret
_COMMON = {"password", "password1", "passw0rd", "12345678", "123456789", "1234567890", "qwertyuiop", "letmein1"}
_SIZE_LIMIT = 64 * 1024  # bytes of one value


class SecretError(DeployRefusedError):
    """A secret reference leads nowhere."""

    code = "SECRET_MISSING"


class PlaceholderError(DeployRefusedError):
    """A variable was never filled in (D03)."""

    code = "CONFIG_PLACEHOLDER"


def resolve(references: Mapping[str, str], where: str) -> dict[str, str]:
    """Return variable → value for references such as `{"TOKEN": "env:TOKEN"}`.

    Args:
        references: variable → `env:NAME`, `file:/absolute/path` or `block:NAME` (a Prefect Secret block).
        where: names the section in errors, e.g. `environments.staging.secrets`.

    Raises:
        SecretError: a reference is malformed, or there is nothing behind it.
    """
    found = {variable: _value(reference, f"{where}.{variable}") for variable, reference in references.items()}
    masks.learn(found.values())
    return found


def learn(references: Iterable[str]) -> None:
    """Let logs hide the values that these references lead to, as far as this machine has them; blocks are not asked."""
    for reference in references:
        if reference.startswith(("env:", "file:")):
            with suppress(SecretError):  # told when something needs it
                masks.learn([_value(reference, "")])


def block_secrets(name: str) -> frozenset[str]:
    """Return the names of the variables that a Sluice Environment block keeps secret; none when there is no block."""
    from sluice.tools import prefect_blocks  # as below

    fields = prefect_blocks.read(prefect_blocks.ENVIRONMENT, name) or {}
    return frozenset(fields.get("secrets") or ())


def environment_block(name: str, where: str) -> dict[str, str]:
    """Return variable → value of a Sluice Environment block, its secrets among them.

    Raises:
        SecretError: there is no such block, or it has a variable that a service may not have (`BLOCK_WRONG`).
    """
    from sluice.tools import prefect_blocks  # only who names a block asks Prefect

    fields = prefect_blocks.read(prefect_blocks.ENVIRONMENT, name)
    if fields is None:
        raise SecretError(
            f"Prefect has no Sluice Environment block {name}",
            where=where,
            next_step=f"Make it in the Prefect UI: Blocks, Sluice Environment, name {name}.",
        )
    values = {**(fields.get("variables") or {}), **(fields.get("secrets") or {})}
    masks.learn(map(str, (fields.get("secrets") or {}).values()))
    try:
        return _VARIABLES.validate_python(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise SecretError(
            f"block {name} has a variable that a service may not have, or whose value is no text: {first['loc'][0]}",
            code="BLOCK_WRONG",
            where=where,
            next_step="Correct the block in the Prefect UI.",
        ) from None  # pydantic's own message may quote a value


def refuse_placeholders(values: Mapping[str, str], where: str) -> None:
    """Refuse values that were never filled in; the value itself is not shown.

    Raises:
        PlaceholderError: empty, `changeme` and the like, or an unexpanded `${…}`.
    """
    for variable, value in values.items():
        problem = placeholder(value)
        if problem:
            raise PlaceholderError(
                f"variable {variable} is {problem}",
                where=f"{where}.{variable}",
                allowed="a real value",
                next_step="Give it a value, or remove the variable, and run again.",
            )


def refuse_weak(values: Mapping[str, str], where: str) -> None:
    """Refuse secrets that could not be masked without masking half a log, and those that anybody guesses.

    Raises:
        SecretError: `SECRET_SHORT`, `SECRET_COMMON`; the value itself is not shown.
    """
    for variable, value in values.items():
        short = len(value) < SHORTEST
        if short or value.lower() in _COMMON:
            raise SecretError(
                f"secret {variable} "
                + (f"has fewer than {SHORTEST} characters: it cannot be masked" if short else "is a common word"),
                code="SECRET_SHORT" if short else "SECRET_COMMON",
                where=f"{where}.{variable}",
                allowed=f"at least {SHORTEST} characters that nobody guesses",
                next_step="Give another one; what is no secret goes under `variables`.",
            )


def placeholder(value: str) -> str:
    """Return what makes `value` a placeholder, in words; empty when it is a real value."""
    if not value.strip():
        return "empty"
    if _PLACEHOLDER.fullmatch(value.strip()):
        return "a placeholder"
    return "an unexpanded reference" if _UNEXPANDED.search(value) else ""


def _value(reference: str, where: str) -> str:
    kind, _, rest = reference.partition(":")
    if kind == "env" and rest:
        return _from_environment(rest, where)
    if kind == "file" and rest.startswith("/"):
        return _from_file(Path(rest), where)
    if kind == "block" and rest:
        return _from_block(rest, where)
    raise SecretError(
        "a secret is a reference, not a value",
        code="SECRET_REFERENCE",
        where=where,
        allowed="env:NAME, file:/absolute/path or block:NAME",
        next_step="Put the value into an environment variable, a file or a Prefect Secret block, and refer to it.",
    )


def _from_environment(name: str, where: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise SecretError(
            f"environment variable {name} is not set where the run works",
            where=where,
            next_step=f"Set {name} for the worker (`{name}=… sluice up`), or use file: or block:.",
        )
    return value


def _from_file(path: Path, where: str) -> str:
    try:
        if path.stat().st_size > _SIZE_LIMIT:
            raise SecretError(f"file {path} is too large for a secret", where=where, allowed="at most 64 KiB")
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SecretError(
            f"file {path} cannot be read: {reason}", where=where, next_step="Put the file there."
        ) from error


def _from_block(name: str, where: str) -> str:
    from sluice.tools import prefect_blocks  # only who names a block asks Prefect

    fields = prefect_blocks.read("secret", name)
    if fields is None:
        raise SecretError(
            f"Prefect has no Secret block {name}",
            where=where,
            next_step=f"Make it in the Prefect UI: Blocks, Secret, name {name}.",
        )
    value = fields.get("value")
    return value if isinstance(value, str) else json.dumps(value)

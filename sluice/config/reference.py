"""The tables of docs/sluice-yaml.md, made from the model. Write them anew with `python -m sluice.config.reference`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sluice.config.declared import Declared
from sluice.config.docker import DockerConfig, EngineSsh, EngineTls, RegistryLogin
from sluice.config.model import (
    BuildConfig,
    CanaryConfig,
    Config,
    CoverageConfig,
    Environment,
    FindingWaiver,
    Freeze,
    HttpCheck,
    ImageConfig,
    LoadConfig,
    Matrix,
    MigrateConfig,
    Route,
    SarifTool,
    ScanConfig,
    Service,
    SmokeConfig,
    TestConfig,
    VersionCheck,
    Waiver,
    WatchConfig,
)
from sluice.config.scan import LicenceConfig
from sluice.config.schema import schema

DOCUMENT = Path(__file__).parents[2] / "docs" / "sluice-yaml.md"
BEGIN, END = "<!-- made by sluice/config/reference.py: begin -->", "<!-- made by sluice/config/reference.py: end -->"

SECTIONS: tuple[tuple[str, type[Declared]], ...] = (
    ("The document", Config),
    ("`test`", TestConfig),
    ("`test.matrix`", Matrix),
    ("`test.coverage`", CoverageConfig),
    ("`build`", BuildConfig),
    ("`build.image`", ImageConfig),
    ("`scan`", ScanConfig),
    ("`scan.waivers[]`", FindingWaiver),
    ("`scan.licences`", LicenceConfig),
    ("`scan.sarif[]`", SarifTool),
    ("`service`", Service),
    ("`smoke`, and `environments.<name>.smoke`", SmokeConfig),
    ("`smoke.checks[]`", HttpCheck),
    ("`smoke.version`", VersionCheck),
    ("`smoke.load`", LoadConfig),
    ("`environments.<name>`", Environment),
    ("`environments.<name>.canary`", CanaryConfig),
    ("`environments.<name>.watch`", WatchConfig),
    ("`environments.<name>.migrate`", MigrateConfig),
    ("`environments.<name>.freeze[]`", Freeze),
    ("`environments.<name>.docker`", DockerConfig),
    ("`environments.<name>.docker.tls`", EngineTls),
    ("`environments.<name>.docker.ssh`", EngineSsh),
    ("`environments.<name>.docker.login`, and `build.image.login`", RegistryLogin),
    ("`deploy[]`", Route),
    ("`waivers[]`", Waiver),
)


def reference() -> str:
    """Return one table a section: key, what it takes, its default, what it means."""
    definitions = schema()["$defs"] | {"Config": schema()}
    return "\n".join(_section(title, model, definitions[model.__name__]["properties"]) for title, model in SECTIONS)


def document_with(text: str) -> str:
    """Return the text of docs/sluice-yaml.md with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def _section(title: str, model: type[Declared], properties: dict[str, Any]) -> str:
    lines = [
        f"### {title}",
        "",
        (model.__doc__ or "").strip(),
        "",
        "| key | takes | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, field in model.model_fields.items():
        key = field.alias or name
        takes = _takes(properties[key])
        cells = (f"`{key}`", takes, _default(field, takes), field.description or "")
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join([*lines, ""])


def _default(field: FieldInfo, takes: str) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or isinstance(value, Declared) or value in ((), {}):
        return ""
    if takes == "a duration":
        return f"`{value:g}s`"
    if takes == "a size":
        return f"`{value / 2**20:g}Mi`"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


def _takes(part: dict[str, Any]) -> str:
    """Return in words what a property of the schema takes."""
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    if "$ref" in part:
        return "a section"
    if "anyOf" in part:
        return _one_of(part["anyOf"])
    if part.get("type") == "array":
        inner = _takes(part["items"])
        return {"text": "list of texts", "a section": "list of sections"}.get(inner, f"list of {inner}")
    if part.get("type") == "object":
        values = [*part.get("patternProperties", {}).values(), part.get("additionalProperties")]
        return f"name → {_takes(values[0])}" if isinstance(values[0], dict) else "keys and values"
    return _scalar(part)


def _one_of(parts: list[dict[str, Any]]) -> str:
    kinds = [part for part in parts if part.get("type") != "null"]
    if any("cpython" in str(part.get("pattern")) for part in kinds):
        return "a Python version"
    patterns = " ".join(str(part.get("pattern", "")) for part in kinds)
    if "(ms|s|m|h|d)" in patterns:
        return "a duration"
    if "(Ki|Mi|Gi|k|M|G)" in patterns:
        return "a size"
    return " or ".join(dict.fromkeys(_takes(part) for part in kinds))


def _scalar(part: dict[str, Any]) -> str:
    words = {"string": "text", "boolean": "`true` or `false`", "integer": "a whole number", "number": "a number"}
    low, high, above = (part.get(key) for key in ("minimum", "maximum", "exclusiveMinimum"))
    text = words.get(part.get("type", ""), "text, a number, `true`, `false`")
    text += f" from {low:g}" if low is not None else f" more than {above:g}," if above is not None else ""
    return text + (f" up to {high:g}" if high is not None else "").rstrip(",")


if __name__ == "__main__":
    DOCUMENT.write_text(document_with(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")

"""What an image's report says of layers."""

from __future__ import annotations

from typing import Any

from sluice.findings.draft import Draft
from sluice.records.scan import FindingKind, FindingSeverity
from sluice.tools.trivy_image import _layers, _placed
from sluice.tools.trivy_report import Result

BASE, OWN = "sha256:base", "sha256:own"


def result(*packages: tuple[str, str]) -> Result:
    parts: list[dict[str, Any]] = [{"Name": name, "Layer": {"Digest": layer}} for name, layer in packages]
    return Result.model_validate({"Target": "x", "Packages": parts})


def licence(package: str, layer: str | None = None) -> Draft:
    return Draft("trivy", FindingKind.LICENCE, "MIT", FindingSeverity.LOW, "", package=package, layer=layer)


def test_a_licence_is_in_the_layer_of_its_package() -> None:
    layers = _layers([result(("bash", BASE)), result(("flask", OWN))])
    placed = [_placed(licence(name), {BASE}, layers) for name in ("bash", "flask", "other")]
    assert [(each.layer, each.from_base) for each in placed] == [(BASE, True), (OWN, False), (None, None)]


def test_a_package_of_two_layers_is_in_none_alone() -> None:
    assert _layers([result(("six", BASE), ("six", OWN))]) == {}


def test_what_trivy_says_of_the_layer_itself_counts() -> None:
    placed = _placed(licence("flask", OWN), {BASE}, {"flask": BASE})
    assert (placed.layer, placed.from_base) == (OWN, False)

"""The parts of Trivy's JSON report that become findings and packages."""

from __future__ import annotations

from typing import Any

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal


class Part(BaseModel):
    """Base: Trivy's names are in PascalCase, and it writes more than is read here."""

    model_config = ConfigDict(frozen=True, alias_generator=AliasGenerator(validation_alias=to_pascal))


class Identifier(Part):
    """How a package is named across tools."""

    purl: str | None = Field(default=None, validation_alias="PURL")


class LayerPart(Part):
    """Layer of an image that something was found in."""

    digest: str = ""


class PackagePart(Part):
    """One package of a lock file."""

    name: str
    version: str = ""
    identifier: Identifier = Identifier()
    licenses: list[str] | None = None
    layer: LayerPart = LayerPart()


class Vulnerability(Part):
    """One vulnerability of one package."""

    vulnerability_id: str = Field(validation_alias="VulnerabilityID")
    vendor_ids: list[str] | None = Field(default=None, validation_alias="VendorIDs")
    pkg_name: str
    pkg_identifier: Identifier = Identifier()
    installed_version: str = ""
    fixed_version: str | None = None
    title: str = ""
    description: str = ""
    severity: str = ""
    severity_source: str = ""
    primary_url: str | None = Field(default=None, validation_alias="PrimaryURL")
    cvss: dict[str, dict[str, Any]] | None = Field(default=None, validation_alias="CVSS")
    layer: LayerPart = LayerPart()


class Cause(Part):
    """Where a misconfiguration is."""

    start_line: int | None = None
    resource: str = ""


class Misconfiguration(Part):
    """One check of a configuration file that failed."""

    id: str = Field(validation_alias="ID")
    title: str = ""
    message: str = ""
    severity: str = ""
    status: str = ""
    primary_url: str | None = Field(default=None, validation_alias="PrimaryURL")
    cause_metadata: Cause = Cause()


class Secret(Part):
    """One secret in a file; `match` is masked by Trivy, `offset` is in bytes from the file's start."""

    rule_id: str = Field(validation_alias="RuleID")
    title: str = ""
    severity: str = ""
    start_line: int | None = None
    offset: int = 0
    match: str = ""
    layer: LayerPart = LayerPart()


class Licence(Part):
    """The licence of a package, with Trivy's category (`forbidden`, `restricted` …)."""

    severity: str = ""
    category: str = ""
    pkg_name: str = ""
    file_path: str = ""
    name: str


class Summary(Part):
    """Checks of one configuration file."""

    successes: int = 0
    failures: int = 0


class Result(Part):
    """What one scanner of Trivy says about one file."""

    target: str
    result_class: str = Field(default="", validation_alias="Class")
    type: str = ""
    packages: list[PackagePart] | None = None
    vulnerabilities: list[Vulnerability] | None = None
    misconfigurations: list[Misconfiguration] | None = None
    secrets: list[Secret] | None = None
    licenses: list[Licence] | None = None
    misconf_summary: Summary | None = None


class Metadata(Part):
    """Of an image: what was read."""

    image_id: str = Field(default="", validation_alias="ImageID")
    diff_ids: list[str] = Field(default=[], validation_alias="DiffIDs")


class Report(Part):
    """The whole report; `results` is None when Trivy found nothing to say."""

    schema_version: int
    results: list[Result] | None = None
    metadata: Metadata = Metadata()

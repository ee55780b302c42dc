"""The smoke section of `sluice.yaml`: what must answer after a deploy."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from sluice.config.declared import Declared
from sluice.config.service import Service
from sluice.config.texts import HttpPath, JsonPath
from sluice.config.units import Duration


class HttpCheck(Declared):
    """One declared request and what must come back."""

    name: str | None = Field(default=None, description="What reports call it; method and path when empty.")
    path: HttpPath = Field(description="Path that is asked for, with its query.")
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] = Field(default="GET", description="Method.")
    headers: dict[str, str] = Field(default_factory=dict, description="Request headers.")
    body: str | None = Field(default=None, description="Body of the request.")
    status: int = Field(default=200, strict=True, ge=100, le=599, description="Status that must come back.")
    contains: str | None = Field(default=None, description="Text that the body must contain.")
    json_path: dict[JsonPath, str | int | float | bool | None] = Field(
        default_factory=dict,
        alias="json",
        description="JSONPath to the value that it must have, e.g. `$.status: ok`.",
    )
    response_headers: dict[str, str] = Field(default_factory=dict, description="Headers and the value each must have.")
    content_type: str | None = Field(default=None, description="Media type that must come back.")
    max_latency: Duration | None = Field(default=None, description="Slower than this fails.")

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class VersionCheck(Declared):
    """Where the service reports which release answers (SLUICE_COMMIT and SLUICE_RELEASE are in its environment)."""

    path: HttpPath = Field(default="/version", description="Path that answers with JSON.")
    json_path: JsonPath = Field(default="$.commit", alias="json", description="JSONPath of the value.")
    value: Literal["commit", "digest", "version"] = Field(
        default="commit", description="What the value is compared with: the release's commit, digest or version."
    )

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class LoadConfig(Declared):
    """A short k6 load with thresholds."""

    path: HttpPath = Field(default="/", description="Path that is asked for.")
    users: int = Field(default=5, strict=True, ge=1, le=200, description="Users at the same time.")
    duration: Duration = Field(default=3.0, description="How long the load lasts.")
    max_error_rate: float = Field(
        default=0.01, strict=True, ge=0, le=1, description="Share of failed requests, 0 to 1."
    )
    max_p95: Duration = Field(default=1.0, description="95th percentile of the request duration.")
    when: Literal["new_release", "always"] = Field(
        default="new_release", description="Load only a release that is new here, or each time."
    )


class SmokeConfig(Declared):
    """What must answer after a deploy."""

    checks: tuple[HttpCheck, ...] = Field(default=(), description="Requests; the service's health path when empty.")
    version: VersionCheck | None = Field(
        default=None, description="Ask the service which release it is; K01 stops a run when it is another."
    )
    load: LoadConfig | None = Field(default=None, description="Load with thresholds; none when left out.")
    timeout: Duration = Field(default=60.0, description="Time limit of all checks together.")

    def or_health(self, service: Service | None) -> SmokeConfig:
        """Return what is asked: the service's health path where neither check nor version is declared."""
        if self.checks or self.version is not None or service is None:
            return self
        return self.model_copy(update={"checks": (HttpCheck(name="health", path=service.health),)})

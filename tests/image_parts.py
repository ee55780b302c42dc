"""Builds of images for tests: commits of small projects, built by a real engine, pushed to a real registry."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sluice.config.model import BuildConfig
from sluice.records.build import BuildRecord, BuildRequest
from sluice.records.common import SourceRef, StageContext
from sluice.settings import Home
from sluice.stages.build import build
from sluice.stages.workplace import open_workplace
from sluice.states import StageName
from tests.docker_parts import BUSYBOX, Registry
from tests.scan_parts import commit

DOCKERFILE = f"""FROM {BUSYBOX} AS made
RUN echo made > /made
FROM {BUSYBOX}
COPY --from=made /made /made
COPY app.sh /app.sh
CMD ["sh", "/app.sh"]
"""
FILES = {"Dockerfile": DOCKERFILE, "app.sh": "echo hello\n"}


class Yard:
    """Builds images of commits, one after the other, in a state directory of its own."""

    def __init__(self, tmp: Path, registry: Registry, name: str = "greeter") -> None:
        self.tmp = tmp
        self.registry = registry
        self.name = name
        self.home = Home(tmp / "home").make()
        self.runs = 0

    @property
    def repository(self) -> str:
        """Where the images go."""
        return f"{self.registry.host}/{self.name}"

    def commit(self, files: Mapping[str, str] | Mapping[str, str | bytes] | None = None) -> SourceRef:
        """Commit exactly these files."""
        return commit(self.tmp / "repository", FILES if files is None else files)

    def request(self, source: SourceRef, build_config: Mapping[str, Any] | None = None, **image: Any) -> BuildRequest:
        """Return the request to build a commit."""
        declared = {"image": {"repository": self.repository, **image}, **(build_config or {})}
        return BuildRequest(
            source=source,
            config=BuildConfig.model_validate(declared),
            tested_tree=source.tree,
            tags=(f"main-{source.commit[:12]}", "latest"),
            origin="https://git.example/team/greeter.git",
        )

    def build(self, request: BuildRequest, *, fresh: bool = False) -> BuildRecord:
        """Build what is asked for, in a run of its own."""
        self.runs += 1
        context = StageContext(
            run_id=f"run-{self.runs}", project=self.name, stage=StageName.BUILD, home=str(self.home.root), fresh=fresh
        )
        with open_workplace(context) as place:
            return build(request, place)

    def make(self, files: Mapping[str, str] | None = None, **image: Any) -> BuildRecord:
        """Commit and build."""
        return self.build(self.request(self.commit(files), **image))

    @property
    def log(self) -> str:
        """The log of the newest build."""
        return (self.home.run_logs(f"run-{self.runs}") / "build.log").read_text()

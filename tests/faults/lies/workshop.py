"""Builds of a real repository, and what the runner knows of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_checks.facts import BoundaryFacts
from sluice.artifacts import ArtifactStore
from sluice.config.model import BuildConfig
from sluice.records.build import BuildRecord, BuildRequest
from sluice.records.common import SourceRef
from sluice.settings import Home
from sluice.stages import build as stage
from sluice.stages.build_platforms import own_platform
from sluice.stages.workplace import open_workplace
from sluice.states import StageName
from tests import factories
from tests.repositories import Repository, context, source


class Workshop:
    """One repository, built as often as a case wants."""

    def __init__(self, tmp: Path, wheels: Path) -> None:
        self.home = Home(tmp / "home").make()
        self.wheels = wheels
        self.repository = Repository(tmp / "greeter")

    def accepted(self) -> SourceRef:
        """Return the source of the newest commit, as the boundary after checkout accepts it."""
        return source(self.repository, self.home)

    def build(
        self,
        built: SourceRef | None = None,
        tested: SourceRef | None = None,
        store: ArtifactStore | None = None,
        **config: Any,
    ) -> BuildRecord:
        """Build a source (the newest commit's), which was tested as `tested`."""
        made = built or self.accepted()
        tree = (tested or made).tree
        request = BuildRequest(source=made, config=BuildConfig.model_validate(config), tested_tree=tree)
        with open_workplace(context(self.home, StageName.BUILD)) as place:
            place.artifacts = store or place.artifacts
            return stage.build(request, place)

    def facts(self, record: BuildRecord, accepted: SourceRef | None = None, **more: Any) -> BoundaryFacts:
        """Return what the runner knows: the accepted source, and the interpreter that the tests ran on."""
        true = accepted or self.accepted()
        known: dict[str, Any] = {
            "run_id": record.run_id,
            "now": datetime.now(UTC),
            "commit": true.commit,
            "tree": true.tree,
            "committed_at": true.committed_at,
            "platforms": (own_platform(),),
            "tested_pythons": tuple(record.base.split(" ")[1:2]),
        }
        return factories.facts(**known | more)

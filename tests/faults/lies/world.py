"""Where cases happen: a folder, a state directory, real stages, and a history in a real Postgres."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from data_checks import contracts
from data_checks.facts import BoundaryFacts
from sluice.artifacts import ArtifactStore
from sluice.records.checkout import CheckoutRecord
from sluice.records.common import StageRecord
from sluice.records.history import ENOUGH, History
from sluice.records.testing import TestRecord
from sluice.settings import Home
from sluice.stages import checkout as stage
from sluice.stages.workplace import now, open_workplace
from sluice.states import StageName
from sluice.store.baselines import read_history
from sluice.store.ingest import Ingest
from sluice.store.runs import RunStore
from tests.repositories import Repository, context, request
from tests.stages.testing_room import Room

PROJECT = "greeter"


class World:
    """What one case may use; nothing is shared between cases but environments of Python and the database server.

    Attributes:
        folder: the case's own folder.
        home: state directory, shared by all cases: environments in it take seconds to make.
        database: gives the tables; called only by cases that need a history.
    """

    def __init__(self, folder: Path, home: Path, database: Callable[[], Engine]) -> None:
        self.folder = folder
        self.home = Home(home).make()
        self.database = database
        self.room = Room(folder / "room", home)

    def repository(self, name: str = "greeter", **files: str | bytes) -> Repository:
        """Return a new repository with one commit (`__` in a name stands for `/`)."""
        made = Repository(self.folder / name)
        named: dict[str, str | bytes] = {path.replace("__", "/"): text for path, text in files.items()}
        made.commit(named or {"app.py": "print('hello')\n"}, "First")
        return made

    def check_out(self, repository: Repository, ref: str = "HEAD", **more: Any) -> CheckoutRecord:
        """Run the checkout stage, with a state directory of the case's own."""
        home = Home(self.folder / "home").make()
        with open_workplace(context(home, StageName.CHECKOUT)) as place:
            return stage.checkout(request(repository, home, ref, **more), place)

    def test(self, files: dict[str, str], **config: Any) -> TestRecord:
        """Commit the files and run the test stage on them."""
        (self.folder / "room").mkdir(exist_ok=True)
        self.room.project(**files)
        return self.room.run(**{"coverage": {"enabled": False}, **config})

    def learn(self, record: StageRecord, times: int = ENOUGH) -> History:
        """Have an honest record accepted so many times, as that many runs of `main`; return what is usual then."""
        engine = self.database()
        ingest, runs = Ingest(engine, ArtifactStore(self.home.artifacts)), RunStore(engine)
        project = f"{PROJECT}-{self.folder.name.lower()[:40]}"
        for _ in range(times):
            known = {"project": project, "repository": "/srv/greeter", "requested_ref": "main", "trigger": "cli"}
            run_id = runs.open_run(str(uuid4()), **known, requested_by="ada")
            runs.start_run(run_id, owner="host:1")
            mine = record.model_copy(update={"run_id": run_id})
            report = contracts()[record.STAGE].check(mine, facts_of(mine))
            assert report.accepted, [each.message for each in report.stops]
            ingest.accept(runs.start_stage(run_id, record.STAGE), mine, report)
        return read_history(engine, project, "main", "main")


def facts_of(record: StageRecord, **fields: Any) -> BoundaryFacts:
    """Return what the runner of an ordinary run knows beside the record."""
    known: dict[str, Any] = {"run_id": record.run_id, "now": now(), "history": History(), "files_since": ()}
    known["superseded_by"] = ()
    if isinstance(record, CheckoutRecord):
        known["commit"] = record.source.commit
    if isinstance(record, TestRecord):
        known["commit"] = record.commit
    return BoundaryFacts(**known | fields)

"""The source of a run that is resumed after its mirror was cleaned up."""

from __future__ import annotations

import shutil

import pytest

from flows.earlier import Earlier
from sluice.errors import SluiceError
from sluice.records.checkout import CheckoutRecord
from sluice.settings import Home
from sluice.stages import checkout as stage
from sluice.stages.workplace import open_workplace
from sluice.states import RunState, StageName
from sluice.store.pinned import Pinned
from sluice.tools import git
from tests.repositories import Repository, context, request


def checked_out(repository: Repository, home: Home) -> CheckoutRecord:
    with open_workplace(context(home, StageName.CHECKOUT)) as place:
        return stage.checkout(request(repository, home), place)


def resumed(repository: Repository, done: CheckoutRecord) -> Earlier:
    """Return a run of `main` at that commit, which ended red."""
    run = Pinned(
        run_id="r",
        kind="pipeline",
        state=RunState.ERRORED,
        owner="",
        lease_until=None,
        dead=False,
        repository=str(repository.path),
        requested_ref="HEAD",
        request={},
        commit=done.source.commit,
        ref_kind="branch",
        ref_name="main",
        config=None,
        plan=None,
        records={StageName.CHECKOUT: done.model_dump(mode="json")},
        accepted=frozenset({StageName.CHECKOUT}),
    )
    return Earlier(run, None)


def rewritten(repository: Repository) -> None:
    """Write the branch anew: no ref names the run's commit any more."""
    repository.commit({"app.py": "print('hi')\n"}, "Another first", "--amend")


def test_a_commit_that_no_branch_names_is_fetched_again(repository: Repository, home: Home) -> None:
    done = checked_out(repository, home)
    rewritten(repository)
    shutil.rmtree(home.mirrors)
    found = resumed(repository, done).resolved(home)
    assert (found.commit, found.name, found.requested) == (done.source.commit, "main", "HEAD")
    assert found.mirror == done.source.mirror
    git.materialise(done.source, home.workspaces / "again", log=None)
    assert (home.workspaces / "again/app.py").read_text() == "print('hello')\n"


def test_one_that_is_in_the_mirror_needs_no_repository(repository: Repository, home: Home) -> None:
    done = checked_out(repository, home)
    shutil.rmtree(repository.path)
    assert resumed(repository, done).resolved(home).commit == done.source.commit


def test_one_that_is_gone_is_named(repository: Repository, home: Home) -> None:
    done = checked_out(repository, home)
    rewritten(repository)
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "--quiet", "--prune=now")
    shutil.rmtree(home.mirrors)
    with pytest.raises(SluiceError) as caught:
        resumed(repository, done).resolved(home)
    assert caught.value.code == "REF_UNKNOWN"
    assert done.source.commit in str(caught.value)

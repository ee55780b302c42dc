"""`sluice why` on planted changes: the keys are those of the real stages, the commits real, the rows in Postgres.

What the stages would have done is made up; what decides whether they are done is not.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from sluice.artifacts import ArtifactStore
from sluice.cli.why import diff, lines
from sluice.config.detect import detect
from sluice.config.effective import effective
from sluice.config.load import load_project
from sluice.keys import key_of
from sluice.records.build import BuildRequest
from sluice.records.common import SourceRef, StageContext, StageRecord
from sluice.records.scan import ScanRequest
from sluice.records.testing import TestRequest
from sluice.report.why import Why, explain
from sluice.settings import Home
from sluice.stages import build, checkout, scan, testing
from sluice.stages.content import content_digest
from sluice.states import RunState, StageName, StageState
from sluice.store.ingest import Ingest
from sluice.store.key_rows import keyed_stage
from sluice.store.runs import RunStore
from sluice.tools import git
from tasks.reuse import reuse
from tests import factories
from tests.postgres.parts import PROJECT, a_run
from tests.postgres.test_ingest import accepted, execution, rejected, stage_of
from tests.repositories import Repository, request

pytestmark = pytest.mark.postgres

FILES: dict[str, str | bytes] = {
    "pyproject.toml": '[project]\nname = "greeter"\nversion = "1.0"\ndependencies = []\n',
    "src/greeter.py": "def greet():\n    return 'hello'\n",
    "tests/test_greeter.py": "def test_it():\n    assert True\n",
    "tests/data/names.csv": "ada\n",
    "requirements-test.txt": "pytest\n",
    "uv.lock": "version = 1\n",
    "README.md": "# Greeter\n",
}
DECLARED: dict[str, Any] = {
    "project": PROJECT,
    "test": {"frameworks": ["pytest"], "requirements": ["requirements-test.txt"]},
    "unaffected_by": ["README.md", "docs/**"],
}
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n"
STAGES = {StageName.TEST: testing, StageName.BUILD: build, StageName.SCAN: scan}


class Desk:
    """A project on whose commits the pipeline decides. `results`: what Prefect keeps, key to record."""

    def __init__(self, engine: Engine, folder: Path, cache: Path, patch: pytest.MonkeyPatch) -> None:
        self.engine, self.patch = engine, patch
        self.home = Home(folder / "home").make()
        self.home.cache.rmdir()
        self.home.cache.symlink_to(cache)  # the versions of tools are asked for once
        self.files = ArtifactStore(self.home.artifacts)
        self.ingest, self.store = Ingest(engine, self.files), RunStore(engine)
        self.repository = Repository(folder / "greeter")
        self.results: dict[str, StageRecord] = {}
        self.declared = DECLARED
        self.repository.commit({**FILES, "sluice.yaml": yaml.safe_dump(DECLARED)}, "First")
        patch.setattr("tasks.reuse.database", lambda: engine)

    def commit(self, files: dict[str, str | bytes] | None = None, **sections: Any) -> None:
        """Commit files, and sections of sluice.yaml in place of those that are there."""
        self.declared = {**self.declared, **sections}
        self.repository.commit({**(files or {}), "sluice.yaml": yaml.safe_dump(self.declared)})

    def run(self, ref: str = "main", *, fresh: bool = False, bad: str = "") -> str:
        """Take a ref through checkout, test, build and scan; `bad`: the tests are `red` or `rejected`."""
        run = a_run(self.engine, requested_ref=ref, request={"fresh": fresh})
        ask = request(self.repository, self.home, ref)
        self.store.set_commit(run, commit=ask.resolved.commit, ref_kind="branch", ref_name=ref)
        mirror = Path(ask.resolved.mirror)
        known = git.read_commit(mirror, ask.resolved.commit)
        source = SourceRef(mirror=str(mirror), commit=known.commit, tree=known.tree, committed_at=known.committed_at)
        seen = factories.checkout(run_id=run, source=source, inputs=checkout.inputs(ask))
        self.ingest.accept(stage_of(self.engine, seen), seen, accepted(StageName.CHECKOUT))
        tree = self.home.workspaces / run
        git.materialise(source, tree, log=None)
        config = effective(load_project(tree).config, detect(tree, PROJECT))
        shutil.rmtree(tree)
        self.store.set_plan(run, {}, config.model_dump(mode="json"))
        source = source.model_copy(update={"content": content_digest(source, config.unaffected_by)})
        cells = [TestRequest(source=source, config=config.test, cell=cell) for cell in testing.cells(config.test)]
        if not self.through(run, StageName.TEST, cells, fresh, bad):
            self.store.finish_run(run, RunState.FAILED, "TESTS_RED: red", 10)
            return run
        order = BuildRequest(source=source, config=config.build, tested_tree=source.tree)
        (built,) = self.through(run, StageName.BUILD, [order], fresh)
        self.through(
            run, StageName.SCAN, [ScanRequest(source=source, release=built.release, config=config.scan)], fresh
        )
        self.store.finish_run(run, RunState.PASSED, "", 0)
        return run

    def through(self, run: str, stage: StageName, requests: list[Any], fresh: bool, bad: str = "") -> list[Any]:
        """Reuse what may be reused and make up the rest; return the records, none when they are bad."""
        attempt = self.store.start_stage(run, stage)
        where = StageContext(run_id=run, project=PROJECT, stage=stage, home=str(self.home.root), fresh=fresh)
        cells = [self.result(each, where, red=bad == "red") for each in requests]
        if stage is StageName.TEST:  # as the flow does: a reused cell may have been made for another commit
            cells = [cell.model_copy(update={"commit": requests[0].source.commit}) for cell in cells]
        record = testing.merge(cells) if stage is StageName.TEST else cells[0]
        if all(cell.run_id != run for cell in cells):
            self.ingest.reuse(attempt, record)
            return cells
        record = record.model_copy(update={"run_id": run})
        if bad == "rejected":
            self.ingest.reject(attempt, record, rejected(stage))
            return []
        self.ingest.accept(attempt, record, accepted(stage), cells=cells)
        return [] if bad else cells

    def result(self, asked: Any, where: StageContext, *, red: bool = False) -> Any:
        module: Any = STAGES[where.stage]
        inputs: Callable[[Any, StageContext], dict[str, str]] = (
            (lambda request, _context: module.inputs(request)) if module is testing else module.inputs
        )
        key = reuse(inputs)(None, {"request": asked, "context": where})
        if key not in self.results:
            self.results[key] = self.work(asked, where, inputs(asked, where), red)
        return self.results[key]

    def work(self, asked: Any, where: StageContext, inputs: dict[str, str], red: bool) -> StageRecord:
        known: dict[str, Any] = {"run_id": where.run_id, "inputs": inputs}
        if where.stage is StageName.TEST:
            made = execution(
                self.files, ["failed" if red else "passed"], cell=asked.cell, exit_code=int(red), report=None, log=None
            )
            return factories.run_of(made, commit=asked.source.commit, **known)
        if where.stage is StageName.BUILD:
            digest = f"sha256:{key_of(inputs)}"
            packed = self.files.put_bytes(digest.encode(), "release.tar.gz")
            return factories.build(release=factories.release(digest=digest, artifact=packed), **known)
        return factories.scan(
            sbom=None, subject_digest=asked.release.digest, scanned_digest=asked.release.digest, **known
        )

    def why(self, run: str, stage: StageName) -> Why:
        found = keyed_stage(self.engine, run, stage)
        assert found is not None
        return explain(stage, *found, diff)


@pytest.fixture
def desk(engine: Engine, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(engine, tmp_path, cache, monkeypatch)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def changed(**files: str) -> Callable[[Desk], None]:
    return lambda desk: desk.repository.commit(
        {name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()}
    )


def declared(**sections: Any) -> Callable[[Desk], None]:
    return lambda desk: desk.commit(**sections)


def test_section(**more: Any) -> dict[str, Any]:
    return {**DECLARED["test"], **more}


test_section.__test__ = False  # type: ignore[attr-defined]


def submodule(desk: Desk) -> None:
    (desk.repository.path / "vendor/lib").mkdir(parents=True, exist_ok=True)
    desk.repository.git("update-index", "--add", "--cacheinfo", f"160000,{'a' * 40},vendor/lib")
    desk.commit()


def python_of_the_build(desk: Desk) -> None:
    desk.patch.setattr(build, "version", lambda _cache: "99.1")


def scanner(desk: Desk) -> None:
    desk.patch.setattr(scan, "version_of", lambda name, _home: f"{name} 99")


def sluice_itself(desk: Desk) -> None:
    desk.patch.setattr("sluice.keys.__version__", "99.0")


def machine(desk: Desk) -> None:
    desk.patch.setattr("platform.machine", lambda: "riscv64")


TEST, BUILD, SCAN = StageName.TEST, StageName.BUILD, StageName.SCAN
YAML = "source: 1 file: sluice.yaml"
WAIVER = {"fingerprint": "f-001", "reason": "looked at it", "owner": "ada", "expires": "2999-01-31"}
# name → (what is changed, stage, whether one input or which of them, words that must be said)
PLANTED: dict[str, tuple[Callable[[Desk], None], StageName, list[str], list[str]]] = {
    "source file": (changed(src__greeter_dot_py="x = 1\n"), TEST, ["source"], ["(1 file: src/greeter.py)"]),
    "two source files": (
        changed(src__greeter_dot_py="x = 1\n", src__more_dot_py="y = 1\n"),
        BUILD,
        ["source"],
        ["(2 files: src/greeter.py, src/more.py)"],
    ),
    "test data": (changed(tests__data__names_dot_csv="bob\n"), TEST, ["source"], ["(1 file: tests/data/names.csv)"]),
    "lock": (changed(uv_dot_lock="version = 2\n"), TEST, ["source"], ["(1 file: uv.lock)"]),
    "lock, scanned": (changed(uv_dot_lock="version = 2\n"), SCAN, ["source", "release"], ["source: 1 file: uv.lock"]),
    "requirements": (
        lambda desk: desk.repository.commit({"requirements-test.txt": "pytest>=8\n"}),
        TEST,
        ["source"],
        ["(1 file: requirements-test.txt)"],
    ),
    "LFS pointer": (
        lambda desk: desk.repository.commit({"model.bin": POINTER.format("1" * 64)}),
        TEST,
        ["source"],
        ["(1 file: model.bin)"],
    ),
    "submodule": (submodule, TEST, ["source"], ["(1 file: vendor/lib)"]),
    "test arguments": (declared(test=test_section(args=["-x"])), TEST, ["source", "config"], [
        YAML, 'config: test.args: [] → ["-x"]']),
    "setup command": (declared(test=test_section(setup=[["make", "data"]])), TEST, ["source", "config"], [
        'config: test.setup: [] → [["make", "data"]]']),
    "environment of the tests": (declared(test=test_section(env={"ZONE": "eu"})), TEST, ["source", "config"], [
        'config: test.env.ZONE: (nothing) → "eu"']),
    "coverage gate": (declared(test=test_section(coverage={"fail_under": 80.0})), TEST, ["source", "config"], [
        "config: test.coverage.fail_under: (nothing) → 80.0"]),
    "build configuration": (declared(build={"exclude": ["tests/**"]}), BUILD, ["source", "config"], [
        'config: build.exclude: [] → ["tests/**"]']),
    "scan gate": (declared(scan={"gate": "low"}), SCAN, ["source", "config", "release"], [
        'config: scan.gate: "high" → "low"']),
    "scan exclude": (declared(scan={"exclude": ["tests/**"]}), SCAN, ["source", "config", "release"], [
        'config: scan.exclude: [] → ["tests/**"]']),
    "waiver": (declared(scan={"waivers": [WAIVER]}), SCAN, ["source", "config", "release"], ['"fingerprint": "f-001"']),
    "only the gate counts": (
        declared(unaffected_by=["README.md", "docs/**", "sluice.yaml"], scan={"gate": "low"}),
        SCAN,
        ["source", "config", "release"],
        ['config: scan.gate: "high" → "low"', "source: unaffected_by:"],
    ),
    "tool of the build": (python_of_the_build, BUILD, ["uv"], ["→ 99.1)"]),
    "scanners": (scanner, SCAN, ["scanners"], ["bandit 99"]),
    "Sluice itself": (sluice_itself, TEST, ["sluice"], ["→ 99.0)"]),
    "machine": (machine, BUILD, ["machine"], ["riscv64"]),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_change_is_named(desk: Desk, name: str) -> None:
    plant, stage, names, said = PLANTED[name]
    first = desk.run()
    desk.patch.setenv("HOME", "/nonexistent")
    plant(desk)
    second = desk.run()
    answer = desk.why(second, stage)
    text = "\n".join(lines(answer))
    assert (answer.because, answer.cells[0].against) == ("changed", first), text
    assert sorted(change.name for change in answer.cells[0].changes) == sorted(names), text
    assert text.startswith(f"{stage} ran: {'source' if 'source' in names else names[0]}"), text
    assert f"changed since run {first[:8]}" in text
    assert [words for words in said if words not in text] == [], text


def test_the_first_run_and_what_is_never_reused(desk: Desk) -> None:
    run = desk.run()
    answer = desk.why(run, TEST)
    assert (answer.because, answer.words) == ("first", "test ran: it is the first of this project")
    assert answer.parts["cell"] == answer.cells[0].cell
    deploy = factories.deploy(run_id=a_run(desk.engine), deployment_id="d0000000-0000-4000-8000-000000000001")
    desk.ingest.accept(stage_of(desk.engine, deploy), deploy, accepted(StageName.DEPLOY))
    assert desk.why(deploy.run_id, StageName.DEPLOY).because == "acts"
    desk.store.skip_stage(deploy.run_id, SCAN, "the run ended before this stage")
    assert desk.why(deploy.run_id, SCAN).words == "scan did not run: the run ended before this stage"
    broken = desk.store.start_stage(deploy.run_id, TEST)
    desk.store.fail_stage(broken, StageState.ERRORED, "DISK_FULL: no room")
    assert desk.why(deploy.run_id, TEST).words == "test ran and ended before it had a result: DISK_FULL: no room"


def test_a_file_that_counts_for_nothing_is_no_reason(desk: Desk) -> None:
    first = desk.run()
    desk.repository.commit({"README.md": "# Greeter, more\n", "docs/a.md": "x"})
    second = desk.run()
    for stage in (TEST, BUILD, SCAN):
        answer = desk.why(second, stage)
        assert answer.because == "reused"
        assert answer.words == (
            f"{stage} was reused from run {first[:8]}: all of its inputs are the same; "
            "unaffected_by leaves out 2 files: README.md, docs/a.md"
        )


def test_the_same_content_on_another_branch(desk: Desk) -> None:
    first = desk.run()
    desk.repository.git("branch", "feature")
    answer = desk.why(desk.run("feature"), TEST)
    assert answer.words == f"test was reused from run {first[:8]}: all of its inputs are the same (made for main)"


def test_a_reverted_change_is_reused_from_where_it_was_made(desk: Desk) -> None:
    first = desk.run()
    desk.repository.commit({"src/greeter.py": "x = 1\n"})
    second = desk.run()
    desk.repository.commit({"src/greeter.py": FILES["src/greeter.py"]})
    assert desk.why(desk.run(), TEST).cells[0].against == first
    desk.repository.commit({"src/greeter.py": "x = 1\n", "uv.lock": "version = 2\n"})
    answer = desk.why(desk.run(), TEST)
    assert answer.because == "changed"
    assert answer.cells[0].against is not None
    assert second != first


def test_fresh_is_the_reason(desk: Desk) -> None:
    desk.run()
    assert desk.why(desk.run(fresh=True), TEST).words == "test ran: --fresh asked to reuse nothing"


def test_a_result_whose_files_are_gone(desk: Desk) -> None:
    first = desk.run()
    for path in desk.home.artifacts.rglob("*"):
        if path.is_file() and path.read_bytes().startswith(b"ordinal,"):
            path.unlink()
    answer = desk.why(desk.run(), TEST)
    assert answer.because == "gone"
    assert answer.words == f"test ran although run {first[:8]} had the same inputs: its files are gone: cases.csv"


@pytest.mark.parametrize(
    ("bad", "because", "words"),
    [
        ("rejected", "rejected", "whose result was rejected (T06 NO_TESTS)"),
        ("red", "red", "which was not green (failed)"),
    ],
)
def test_a_bad_result_is_not_reused(desk: Desk, bad: str, because: str, words: str) -> None:
    first = desk.run(bad=bad)
    desk.results.clear()
    answer = desk.why(desk.run(), TEST)
    assert (answer.because, answer.cells[0].against) == (because, first)
    assert answer.words == f"test ran again: its inputs are those of run {first[:8]}, {words}"


def test_a_new_axis_of_the_matrix_runs_alone(desk: Desk) -> None:
    axes = {"python": ["3.11"], "env": {"ZONE": ["eu"]}}
    quiet = {"unaffected_by": ["README.md", "docs/**", "sluice.yaml"]}
    desk.commit(test=test_section(matrix=axes), **quiet)
    first = desk.run()
    desk.commit(test=test_section(matrix={**axes, "env": {"ZONE": ["eu", "us"]}}), **quiet)
    second = desk.run()
    answer = desk.why(second, TEST)
    assert answer.words == "test ran: 1 of 2 cells"
    assert sorted((cell.because, cell.against) for cell in answer.cells) == [("new_cell", first), ("reused", first)]
    desk.commit(test=test_section(matrix={**axes, "python": ["3.11", "3.12"]}), **quiet)
    third = desk.why(desk.run(), TEST)
    assert sorted(cell.because for cell in third.cells) == ["new_cell", "reused"]
    assert any("3.12" in line and "is new" in line for line in lines(third))
    desk.repository.commit({"src/greeter.py": "x = 1\n"})
    fourth = desk.why(desk.run(), TEST)
    assert [cell.because for cell in fourth.cells] == ["changed", "changed"]
    assert all("source changed" in cell.words and "src/greeter.py" in cell.words for cell in fourth.cells)


def test_a_rejected_matrix_is_found_again_by_its_cells(desk: Desk) -> None:
    desk.commit(test=test_section(matrix={"env": {"ZONE": ["eu", "us"]}}))
    first = desk.run(bad="rejected")
    desk.results.clear()
    answer = desk.why(desk.run(), TEST)
    assert [(cell.because, cell.against) for cell in answer.cells] == [("rejected", first)] * 2


def test_a_mirror_that_is_gone_leaves_the_part_and_takes_the_files(desk: Desk) -> None:
    desk.run()
    desk.repository.commit({"src/greeter.py": "x = 1\n"})
    second = desk.run()
    shutil.rmtree(desk.home.mirrors)
    assert "(other files; git can no longer say which)" in desk.why(second, TEST).words

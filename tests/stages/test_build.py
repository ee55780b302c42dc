"""The build stage on real repositories with the real uv; packages come from a folder, never from an index."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.artifacts import ArtifactCorruptError
from sluice.config.model import BuildConfig
from sluice.errors import BuildFailedError, Exit, ToolMissingError, TransientError
from sluice.records.build import BuildRecord, BuildRequest
from sluice.releases import prepare_release, read_manifest, unpack
from sluice.releases.prepare import ReleaseSetupError
from sluice.settings import Home
from sluice.stages import build as stage
from sluice.stages.build_requirements import LockError
from sluice.stages.workplace import open_workplace
from sluice.states import StageName
from sluice.tools.uv import program
from tests.repositories import Repository, artifacts, context, source
from tests.wheels import BACKEND, make_wheel, package, package_index

Build = Callable[..., BuildRecord]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").make()


@pytest.fixture(autouse=True)
def no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packages come from this folder only."""
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "politeness", "1.0", ("vocabulary>=1",))
    make_wheel(wheels, "politeness", "1.1", ("vocabulary>=1",))
    make_wheel(wheels, "vocabulary", "1.5")
    make_wheel(wheels, "colours", "3.0")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    return wheels


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "greeter")


@pytest.fixture
def build(home: Home, repository: Repository) -> Build:
    def run(
        of: Repository = repository,
        at: Home = home,
        command: tuple[str, ...] = (),
        fresh: bool = False,
        **config: object,
    ) -> BuildRecord:
        true = source(of, at)
        request = BuildRequest(
            source=true, config=BuildConfig.model_validate(config), tested_tree=true.tree, command=command
        )
        where = context(at, StageName.BUILD).model_copy(update={"fresh": fresh})
        with open_workplace(where) as place:
            return stage.build(request, place)

    return run


def names(record: BuildRecord, home: Home) -> list[str]:
    with tarfile.open(artifacts(home).path(record.release.artifact.sha256)) as tar:
        return tar.getnames()


def lock(record: BuildRecord, home: Home) -> str:
    return artifacts(home).path(record.lock_sha256 or "").read_text()


def test_a_package_becomes_a_wheel_with_its_lock(repository: Repository, build: Build, home: Home) -> None:
    commit = repository.commit(package("politeness\n"))
    record = build(command=("greeter", "--port", "{port}"))
    release = record.release
    assert record.passed
    assert names(record, home) == ["manifest.json", "requirements.lock", "wheels/greeter-1.4.0-py3-none-any.whl"]
    assert record.contents == ("wheel greeter 1.4.0", "lock of 2 packages")
    assert (release.project, release.version, release.commit, release.kind) == ("greeter", "1.4.0", commit, "bundle")
    assert release.digest == record.read_back_digest == f"sha256:{release.artifact.sha256}"
    assert record.revision == commit
    assert record.built_tree == record.tested_tree == repository.tree
    assert record.started_at <= record.created_at <= record.ended_at
    assert record.size == release.artifact.size == artifacts(home).path(release.artifact.sha256).stat().st_size
    assert record.file_count == 3
    assert release.has_command
    text = lock(record, home)
    assert [line for line in text.splitlines() if not line.startswith(" ")] == [
        "politeness==1.1 \\",
        "vocabulary==1.5 \\",
    ]
    assert text.count("--hash=sha256:") == 2
    assert str(home.root) not in text
    assert {tool.name for tool in record.tools} == {"git", "uv"}
    manifest = read_manifest(artifacts(home).path(release.artifact.sha256))
    assert manifest.command == ("greeter", "--port", "{port}")
    assert (manifest.tree, manifest.commit) == (repository.tree, commit)
    assert BuildRecord.model_validate_json(record.model_dump_json()) == record


def test_the_same_input_gives_the_same_digest(
    repository: Repository, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another folder, home, umask, time zone and moment; a backend that honours none of them."""
    repository.commit(package("politeness\n", **{"data/x.txt": "x"}))
    first = build(include=("data",))
    other = Repository(tmp_path / "a" / "quite" / "different" / "place", init=False)
    other.path.parent.mkdir(parents=True)
    repository.git("clone", "--quiet", ".", str(other.path))
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    mask = os.umask(0o077)
    try:
        second = build(of=other, at=Home(tmp_path / "other-home").make(), include=("data",))
    finally:
        os.umask(mask)
    assert second.release.digest == first.release.digest
    assert second.lock_sha256 == first.lock_sha256


def test_a_lock_is_kept_until_the_declaration_changes(
    repository: Repository, build: Build, home: Home, no_index: Path
) -> None:
    """The same input gives the same digest on another day, when the world has newer versions."""
    repository.commit(package("politeness\n"))
    first = build()
    make_wheel(no_index, "politeness", "2.0")
    assert build().release.digest == first.release.digest
    repository.commit({"greeter/__init__.py": "WORD = 'hi'\n"}, "Code only")
    assert lock(build(), home) == lock(first, home)
    assert "politeness==2.0" in lock(build(fresh=True), home)
    repository.commit({"needs.txt": "politeness\ncolours\n"}, "One more")
    assert "politeness==2.0" in lock(build(), home)


def test_nothing_is_asked_of_the_world_without_need(
    repository: Repository, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_FIND_LINKS")
    monkeypatch.delenv("UV_NO_INDEX")
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    repository.commit(package())
    record = build()
    assert record.lock_sha256 is None
    assert record.contents == ("wheel greeter 1.4.0",)


def test_a_tree_becomes_an_archive_with_a_lock(repository: Repository, build: Build, home: Home) -> None:
    repository.write(
        {"app.py": "print(1)\n", "requirements.txt": "colours\n", "bin/run": "#!/bin/sh\n", "x.env": "K=1"}
    )
    (repository.path / "bin" / "run").chmod(0o755)
    (repository.path / "link").symlink_to("bin/run")
    commit = repository.commit(None)
    record = build(exclude=("*.env",))
    assert names(record, home) == [
        "manifest.json", "app/app.py", "app/bin/run", "app/link", "app/requirements.txt", "requirements.lock"
    ]  # fmt: skip
    assert record.release.version == f"0+{commit[:12]}"
    assert record.release.python is not None
    assert "colours==3.0" in lock(record, home)
    with tarfile.open(artifacts(home).path(record.release.artifact.sha256)) as tar:
        run = tar.getmember("app/bin/run")
        assert (run.mode, run.uid, run.gid, run.uname, run.mtime) == (0o755, 0, 0, "", 1772366400)


def test_a_project_without_python_is_its_tree(repository: Repository, build: Build, home: Home) -> None:
    repository.commit({"package.json": '{"name": "x", "version": "3.2.1"}', "index.js": "1", "public/a.css": "x"})
    record = build(include=("public", "index.js"))
    assert names(record, home) == ["manifest.json", "app/index.js", "app/public/a.css"]
    assert (record.release.version, record.release.python, record.lock_sha256) == ("3.2.1", None, None)
    ready = prepare_release(record.release, home, lambda _line: None)
    assert (ready.python, (ready.path / "index.js").read_text()) == (None, "1")


def test_a_lock_of_the_project_is_used_as_it_is(repository: Repository, build: Build, home: Home) -> None:
    sha = "a" * 64
    text = f"--index-url https://user:secret@index.example/simple\npoliteness==1.0 --hash=sha256:{sha}\n"
    repository.commit({"app.py": "", "requirements.txt": text})
    assert lock(build(), home) == f"politeness==1.0 \\\n    --hash=sha256:{sha}\n"


@pytest.mark.parametrize("from_index", [True, False], ids=["index", "folder"])
def test_uv_lock_is_used_as_it_is(
    from_index: bool,
    repository: Repository,
    build: Build,
    home: Home,
    no_index: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    declared = "[project]\nname='x'\nversion='1'\nrequires-python='>=3.9'\ndependencies=['politeness']\n"
    repository.commit({"pyproject.toml": declared, "app.py": ""})
    with package_index(no_index) as url:
        if from_index:
            monkeypatch.delenv("UV_NO_INDEX")
            monkeypatch.delenv("UV_FIND_LINKS")
            monkeypatch.setenv("UV_DEFAULT_INDEX", url)
        subprocess.run([str(program()), "lock", "--quiet"], cwd=repository.path, check=True)
        repository.commit(None, "Lock")
        make_wheel(no_index, "politeness", "9.9")
        record = build()
        assert [line for line in lock(record, home).splitlines() if not line.startswith(" ")] == [
            "politeness==1.1 \\",
            "vocabulary==1.5 \\",
        ]
        assert "127.0.0.1" not in lock(record, home)
        ready = prepare_release(record.release, home, lambda _line: None)
    done = subprocess.run([str(ready.python), "-c", "import politeness"], check=False)
    assert done.returncode == 0


def test_extras_are_locked_when_asked_for(repository: Repository, build: Build, home: Home) -> None:
    repository.commit(package("vocabulary\ncolours; extra == 'pretty'\n"))
    assert "colours" not in lock(build(), home)
    assert "colours==3.0" in lock(build(extras=("pretty",)), home)


def test_folders_of_the_workspace_become_wheels_too(repository: Repository, build: Build, home: Home) -> None:
    inner = package()
    inner["backend.py"] = BACKEND.replace('"greeter", "1.4.0"', '"manners", "0.1"')
    files: dict[str, str | bytes] = {f"libs/manners/{name}": text for name, text in inner.items()}
    pyproject = "[project]\nname='x'\nversion='1'\ndependencies=['manners', 'colours']\n[tool.uv.sources]\n"
    repository.commit({**files, "pyproject.toml": pyproject + "manners = {path = 'libs/manners'}\n", "app.py": ""})
    record = build()
    assert "wheels/manners-0.1-py3-none-any.whl" in names(record, home)
    assert [line for line in lock(record, home).splitlines() if not line.startswith(" ")] == ["colours==3.0 \\"]
    ready = prepare_release(record.release, home, lambda _line: None)
    done = subprocess.run(
        [str(ready.python), "-c", "import greeter, colours; print(greeter.WORD)"], capture_output=True, check=False
    )
    assert done.stdout == b"hello\n"


def test_a_project_that_does_not_build_says_why(repository: Repository, build: Build, home: Home) -> None:
    repository.commit(
        package(**{"backend.py": "def build_wheel(*_a, **_k):\n    raise RuntimeError('no such thing as a greeter')\n"})
    )
    with pytest.raises(BuildFailedError) as caught:
        build()
    assert caught.value.exit_code is Exit.BUILD_FAILED
    assert "cannot build the wheel" in str(caught.value)
    assert "no such thing as a greeter" in str(caught.value)
    log = home.run_logs(context(home, StageName.BUILD).run_id) / "build.log"
    assert "RuntimeError: no such thing as a greeter" in log.read_text()


def test_a_build_that_hangs_is_ended(repository: Repository, build: Build) -> None:
    repository.commit(package(**{"backend.py": "import time\n\ndef build_wheel(*_a, **_k):\n    time.sleep(600)\n"}))
    with pytest.raises(BuildFailedError, match="TIMED_OUT: cannot build the wheel within 4 s"):
        build(timeout=4)


def test_dependencies_that_cannot_be_had_are_the_projects_fault(repository: Repository, build: Build) -> None:
    repository.commit(package("politeness>=100\n"))
    with pytest.raises(BuildFailedError, match=r"cannot resolve the dependencies[\s\S]*politeness") as caught:
        build()
    assert not caught.value.transient


def test_an_index_that_does_not_answer_is_the_worlds_fault(
    repository: Repository, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_FIND_LINKS")
    monkeypatch.delenv("UV_NO_INDEX")
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    repository.commit(package("politeness\n"))
    with pytest.raises(TransientError, match="the network or the package index failed") as caught:
        build()
    assert caught.value.exit_code is Exit.INFRASTRUCTURE


def test_requirements_beside_a_package_are_its_developers(repository: Repository, build: Build) -> None:
    repository.commit(package(**{"requirements.txt": "colours\n"}))
    assert build().lock_sha256 is None


def test_a_requirement_that_is_pinned_to_nothing_is_refused(repository: Repository, build: Build) -> None:
    repository.commit({"app.py": "", "requirements.txt": f"colours==3.0\npoliteness==1.0 --hash=sha256:{'a' * 64}\n"})
    with pytest.raises(LockError, match=r"pinned to nothing, at requirements\.txt, found 'colours==3.0'"):
        build()


def test_nothing_to_release(repository: Repository, build: Build) -> None:
    repository.commit({"README.md": "x"})
    with pytest.raises(BuildFailedError, match="there is nothing to release"):
        build(exclude=("*",))


def test_a_link_that_leads_out_is_refused(repository: Repository, build: Build, home: Home) -> None:
    (repository.path / "passwords").symlink_to("../../../../etc/passwd")
    repository.commit({"app.py": ""})
    with pytest.raises(BuildFailedError, match=r"BUNDLE_LINK: .*passwords.*etc/passwd"):
        build()
    assert "app/passwords" not in names(build(exclude=("passwords",)), home)


def test_a_build_that_alters_the_source_is_seen(repository: Repository, build: Build) -> None:
    """B09 is the boundary's; the record tells the truth."""
    altering = BACKEND.replace(
        '    files = {"', '    open("greeter/__init__.py", "a").write("EVIL = 1\\n")\n    files = {"'
    )
    repository.commit(package(**{"backend.py": altering}))
    record = build()
    assert record.tested_tree == repository.tree
    assert record.built_tree != repository.tree


def test_the_key_holds_what_decides_the_release(repository: Repository, build: Build, home: Home) -> None:
    repository.commit(package())
    record = build()
    true = source(repository, home)
    request = BuildRequest(source=true, config=BuildConfig(), tested_tree=true.tree)
    where = context(home, StageName.BUILD)
    assert stage.inputs(request, where) == record.inputs
    assert stage.inputs(request.model_copy(update={"config": BuildConfig(timeout=5)}), where) == record.inputs
    for change in ({"config": BuildConfig(extras=("x",))}, {"command": ("x",)}):
        assert stage.inputs(request.model_copy(update=change), where) != record.inputs
    same = source(repository, home).model_copy(update={"content": "0" * 64})
    counted = stage.inputs(request.model_copy(update={"source": same}), where)
    repository.commit({"README.md": "new"}, "Only words")
    later = source(repository, home).model_copy(update={"content": "0" * 64})
    assert stage.inputs(request.model_copy(update={"source": later}), where) == counted
    repository.commit({"setup.cfg": "[metadata]\nversion = setuptools_scm\n"}, "From git")
    described = source(repository, home).model_copy(update={"content": "0" * 64})
    assert stage.inputs(request.model_copy(update={"source": described}), where) != counted


def test_a_release_is_made_ready_once(repository: Repository, build: Build, home: Home, no_index: Path) -> None:
    repository.commit(package("politeness\n", **{"static/a.css": "x"}))
    record = build(include=("static",))
    ready = prepare_release(record.release, home, lambda _line: None)
    folder = home.releases / record.release.digest.removeprefix("sha256:")
    assert (ready.path, ready.python) == (folder / "app", folder / "venv" / "bin" / "python")
    code = "import greeter, politeness, vocabulary; print(greeter.WORD, politeness.VERSION, vocabulary.VERSION)"
    done = subprocess.run([str(ready.python), "-c", code], capture_output=True, cwd=ready.path, check=False)
    assert done.stdout == b"hello 1.1 1.5\n"
    assert (ready.path / "static" / "a.css").is_file()
    lines: list[str] = []
    assert prepare_release(record.release, home, lines.append) == ready
    assert lines == []
    assert [path.name for path in home.releases.iterdir() if path.is_dir()] == [folder.name]


def test_a_release_whose_requirements_are_others_is_refused(
    repository: Repository, build: Build, home: Home, no_index: Path
) -> None:
    repository.commit(package("colours\n"))
    record = build()
    make_wheel(no_index, "colours", "3.0", ("vocabulary",))  # other bytes under the same version
    shutil.rmtree(home.cache / "uv")  # where the true bytes still are
    with pytest.raises(ReleaseSetupError, match="RELEASE_SETUP_FAILED") as caught:
        prepare_release(record.release, home, lambda _line: None)
    assert "hash" in str(caught.value).lower()
    assert [path for path in home.releases.iterdir() if path.is_dir()] == []


def test_a_half_made_release_is_made_anew(repository: Repository, build: Build, home: Home) -> None:
    repository.commit(package())
    record = build()
    folder = home.releases / record.release.digest.removeprefix("sha256:")
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "torn").write_text("x")
    ready = prepare_release(record.release, home, lambda _line: None)
    assert not (ready.path / "torn").exists()
    assert ready.python is not None
    ready.python.unlink()  # the interpreter was upgraded away
    again = prepare_release(record.release, home, lambda _line: None)
    assert again.python is not None
    assert subprocess.run([str(again.python), "-c", "import greeter"], check=False).returncode == 0


def test_a_tampered_bundle_never_runs(repository: Repository, build: Build, home: Home, tmp_path: Path) -> None:
    repository.commit(package())
    record = build()
    stored = artifacts(home).path(record.release.artifact.sha256)
    stored.chmod(0o644)
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactCorruptError):
        prepare_release(record.release, home, lambda _line: None)
    with pytest.raises(ArtifactCorruptError):
        unpack(record.release, artifacts(home), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_python_that_is_not_here_is_named(repository: Repository, build: Build, home: Home) -> None:
    repository.commit(package())
    with pytest.raises(ToolMissingError, match="PYTHON_MISSING"):
        build(python="3.99")

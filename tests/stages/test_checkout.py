"""The checkout stage on real repositories."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sluice.errors import Exit, ToolMissingError
from sluice.records.checkout import ChangedFile, CheckoutRecord
from sluice.records.common import SourceRef
from sluice.settings import Home
from sluice.stages import checkout as stage
from sluice.stages import source_files
from sluice.stages.workplace import open_workplace
from sluice.states import StageName
from sluice.tools import git, git_lines
from tests.repositories import Repository, context, request, source

CheckOut = Callable[..., CheckoutRecord]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "greeter")
    made.commit({"app.py": "print('hello')\n", "README.md": "# Greeter\n"}, "First")
    return made


@pytest.fixture
def check_out(home: Home, repository: Repository) -> CheckOut:
    def run(ref: str = "HEAD", of: Repository = repository, **more: object) -> CheckoutRecord:
        with open_workplace(context(home, StageName.CHECKOUT)) as place:
            return stage.checkout(request(of, home, ref, **more), place)

    return run


def workspace(home: Home) -> Path:
    return home.workspaces / context(home, StageName.CHECKOUT).run_id / "checkout"


def test_the_whole_record(repository: Repository, home: Home, check_out: CheckOut) -> None:
    first = repository.head
    repository.git("tag", "-a", "v1.0", "-m", "one")
    repository.git("tag", "also")
    repository.write({"requirements.txt": "x\n", "Dockerfile": "FROM scratch\n", "app.py": "1\n2\n"})
    commit = repository.commit(None, "Second\n\nWhy it was done.")
    repository.git("tag", "-a", "v1.1", "-m", "two")
    record = check_out("v1.1")
    assert record.passed
    assert record.source.commit == record.requested_commit == commit
    assert record.source.tree == repository.tree
    assert record.source.committed_at.isoformat() == "2026-03-01T12:00:00+00:00"
    assert record.parents == (first,)
    assert (record.author_name, record.author_email) == ("Ada", "ada@example.org")
    assert (record.subject, record.body) == ("Second", "Why it was done.")
    assert record.tags == ("v1.1",)
    assert (record.ref_kind, record.ref_name, record.requested_ref) == ("tag", "v1.1", "v1.1")
    assert record.merge_base == first
    assert record.base_tree == repository.git("rev-parse", f"{first}^{{tree}}")
    assert record.changed_files == (
        ChangedFile(path="Dockerfile", change="A", additions=1, deletions=0, lines="1"),
        ChangedFile(path="app.py", change="M", additions=2, deletions=1, lines="1-2"),
        ChangedFile(path="requirements.txt", change="A", additions=1, deletions=0, lines="1"),
    )
    assert record.dependency_files == ("requirements.txt",)
    assert record.build_files == ("Dockerfile",)
    assert record.file_count == 4
    assert record.dirty_files == record.lfs_pointers == record.missing_submodules == record.declared_submodules == ()
    assert not record.shallow
    assert [(tool.name, tool.exit_code) for tool in record.tools] == [("git", 0)]
    assert record.tools[0].version.startswith("2.")
    assert (workspace(home) / "app.py").read_text() == "1\n2\n"
    described = Repository(workspace(home), init=False).git("describe", "--tags")
    assert described == "v1.1"


def test_the_record_survives_its_way_through_json_and_pickle(check_out: CheckOut) -> None:
    record = check_out()
    assert CheckoutRecord.model_validate_json(record.model_dump_json()) == record


def test_the_first_commit_changed_all_its_files(check_out: CheckOut) -> None:
    record = check_out()
    assert record.parents == ()
    assert record.merge_base is None
    assert [file.path for file in record.changed_files] == ["README.md", "app.py"]


def test_a_branch_is_compared_with_its_merge_base(repository: Repository, check_out: CheckOut) -> None:
    fork = repository.head
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit({"one.py": "1"}, "One")
    repository.commit({"two.py": "2"}, "Two")
    repository.git("checkout", "--quiet", "main")
    repository.commit({"elsewhere.py": "3"}, "Main goes on")
    record = check_out("feature")
    assert record.merge_base == fork
    assert [file.path for file in record.changed_files] == ["one.py", "two.py"]
    against = check_out("main", base_ref="feature")
    assert against.merge_base == fork
    assert [file.path for file in against.changed_files] == ["elsewhere.py"]
    with pytest.raises(git.RefError, match="REF_UNKNOWN"):
        check_out("main", base_ref="nowhere")
    with pytest.raises(git.RefError, match="REF_INVALID"):
        check_out("main", base_ref="--output=canary")


def test_a_merge_commit_is_compared_with_its_first_parent(repository: Repository, check_out: CheckOut) -> None:
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit({"one.py": "1"}, "One")
    repository.git("checkout", "--quiet", "main")
    first = repository.commit({"main.py": "1"}, "Main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge", "feature")
    record = check_out()
    assert len(record.parents) == 2
    assert record.merge_base == first
    assert [file.path for file in record.changed_files] == ["one.py"]


def test_renames_copies_binaries_modes_links_and_odd_names(repository: Repository, check_out: CheckOut) -> None:
    text = "".join(f"line {number}\n" for number in range(50))
    repository.commit({"old name.py": text, "gone.py": "x", "tool.sh": "#!/bin/sh\n", "blob.bin": bytes(range(256))})
    repository.git("mv", "old name.py", "new\tname\nüber.py")
    (repository.path / "gone.py").unlink()
    (repository.path / "tool.sh").chmod(0o755)
    (repository.path / "link").symlink_to("app.py")
    repository.commit({"blob.bin": bytes(range(255, -1, -1))}, "Move")
    changed = {file.path: file for file in check_out().changed_files}
    assert changed == {
        "new\tname\nüber.py": ChangedFile(
            path="new\tname\nüber.py", change="R", old_path="old name.py", additions=0, deletions=0, lines=""
        ),
        "gone.py": ChangedFile(path="gone.py", change="D", additions=0, deletions=1),
        "tool.sh": ChangedFile(path="tool.sh", change="M", additions=0, deletions=0, lines=""),
        "link": ChangedFile(path="link", change="A", additions=1, deletions=0, lines="1"),
        "blob.bin": ChangedFile(path="blob.bin", change="M"),
    }


def test_the_lines_that_a_change_wrote(
    repository: Repository, check_out: CheckOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"line {number}\n" for number in range(1, 51))
    repository.commit({"moved.py": text, "kind.py": "a\nb\n", "gone.py": "x\n", "app.py": text})
    repository.git("mv", "moved.py", 'a "quoted"\tname.py')
    lines = text.splitlines()
    lines[2] = "diff --git a/app.py b/app.py"  # looks like a header, and is a line of a file
    lines[6:9] = ["@@ -1 +1,99 @@", "+++ b/app.py", "eight"]
    lines[20:22] = []
    (repository.path / "kind.py").unlink()
    (repository.path / "kind.py").symlink_to("app.py")
    (repository.path / "gone.py").unlink()
    repository.commit({"app.py": "\n".join(lines), 'a "quoted"\tname.py': "first\n" + text}, "Change")
    written = {file.path: file.lines for file in check_out().changed_files}
    assert written == {"app.py": "3,7-9,48", 'a "quoted"\tname.py': "1", "kind.py": "1", "gone.py": None}
    monkeypatch.setattr(git_lines, "MAX_LINES", 3)
    assert {file.lines for file in check_out().changed_files} == {None}


def test_words_that_are_no_utf8_survive(repository: Repository, check_out: CheckOut) -> None:
    repository.environment["GIT_AUTHOR_NAME"] = "Jos\udce9"  # a Latin-1 byte
    repository.commit({"caf\udce9.txt": "1"}, "$(touch canary) `id` \x1b[31m\n\n; rm -rf /")
    record = check_out()
    assert record.author_name == "José"  # git takes such bytes for Latin-1
    assert record.subject == "$(touch canary) `id` \x1b[31m"
    assert record.body == "; rm -rf /"
    assert [file.path for file in record.changed_files] == ["caf\ufffd.txt"]


def test_an_empty_commit_changed_nothing(repository: Repository, check_out: CheckOut) -> None:
    repository.commit(None, "Empty")
    record = check_out()
    assert record.changed_files == ()
    assert record.base_tree == record.source.tree


def test_a_branch_that_moves_between_resolve_and_checkout(repository: Repository, home: Home) -> None:
    asked = request(repository, home, "main")
    later = repository.commit({"app.py": "moved"}, "Moved")
    git.resolve(str(repository.path), "main", home, log=None)  # another run fetches it
    with open_workplace(context(home, StageName.CHECKOUT)) as place:
        record = stage.checkout(asked, place)
    assert record.source.commit == record.requested_commit == asked.resolved.commit != later
    assert (workspace(home) / "app.py").read_text() == "print('hello')\n"


def test_what_the_trigger_saw_is_in_the_record(repository: Repository, home: Home) -> None:
    """C01 is the boundary's; the stage only tells the truth."""
    seen = repository.head
    now = repository.commit({"app.py": "moved"}, "Moved")
    with open_workplace(context(home, StageName.CHECKOUT)) as place:
        record = stage.checkout(request(repository, home, "main", expected_commit=seen), place)
    assert (record.requested_commit, record.source.commit) == (seen, now)


def test_a_second_checkout_is_as_clean_as_the_first(home: Home, check_out: CheckOut) -> None:
    check_out()
    (workspace(home) / "left-over.py").write_text("from an earlier attempt")
    (workspace(home) / "app.py").write_text("changed")
    record = check_out()
    assert record.dirty_files == ()
    assert not (workspace(home) / "left-over.py").exists()


def test_files_that_attributes_change_are_dirty(repository: Repository, check_out: CheckOut) -> None:
    repository.write({"a.txt": b"one\r\ntwo\r\n"})
    repository.git("add", "a.txt")
    repository.git("commit", "--quiet", "-m", "CRLF as it is")
    repository.write({".gitattributes": "*.txt text eol=lf\n"})
    repository.git("add", ".gitattributes")
    repository.git("commit", "--quiet", "-m", "Attributes, and nobody renormalised")
    assert check_out().dirty_files == ("a.txt",)


def test_line_ends_that_attributes_declare_are_clean(repository: Repository, home: Home, check_out: CheckOut) -> None:
    repository.commit({".gitattributes": "*.bat text eol=crlf\n", "run.bat": "one\ntwo\n"})
    assert check_out().dirty_files == ()
    assert (workspace(home) / "run.bat").read_bytes() == b"one\r\ntwo\r\n"


def test_filters_and_hooks_of_the_repository_do_not_run(
    repository: Repository, home: Home, check_out: CheckOut
) -> None:
    canary = home.root / "canary"
    repository.git("config", "filter.evil.smudge", f"touch {canary}")
    repository.git("config", "filter.evil.clean", "cat")
    hook = repository.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
    hook.chmod(0o755)
    repository.commit({".gitattributes": "* filter=evil\n"})
    check_out()
    assert not canary.exists()


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"


def test_lfs_pointers_are_named(repository: Repository, check_out: CheckOut) -> None:
    repository.commit({".gitattributes": "*.bin filter=lfs -text\n", "data/model.bin": POINTER, "docs.txt": POINTER})
    assert check_out().lfs_pointers == ("data/model.bin",)


def test_lfs_that_is_declared_needs_git_lfs(
    repository: Repository, home: Home, check_out: CheckOut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({".gitattributes": "*.bin filter=lfs -text\n", "model.bin": POINTER})
    found = tmp_path / "bin"
    found.mkdir()
    (found / "git").symlink_to(shutil.which("git") or "")
    monkeypatch.setenv("PATH", str(found))
    with pytest.raises(ToolMissingError, match="git-lfs"):
        check_out(lfs=True)
    assert not workspace(home).exists()


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not on this machine")
def test_lfs_files_come_with_their_content(repository: Repository, home: Home, check_out: CheckOut) -> None:
    repository.git("lfs", "install", "--local")
    repository.commit({".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "model.bin": bytes(5000)})
    record = check_out(lfs=True)
    assert record.lfs_pointers == record.dirty_files == ()
    assert (workspace(home) / "model.bin").stat().st_size == 5000
    assert git.workspace_tree(workspace(home)) == record.source.tree
    (workspace(home) / "model.bin").write_bytes(b"other")
    assert git.dirty_files(workspace(home)) == ("model.bin",)


@pytest.fixture
def library(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "library")
    made.commit({"lib.py": "1"}, "Library")
    return made


def add_submodule(repository: Repository, library: Repository, url: str = "../library", path: str = "lib") -> None:
    repository.write({".gitmodules": f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n'})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{library.head},{path}")
    repository.git("add", ".gitmodules")
    repository.git("commit", "--quiet", "-m", "Add the library")


def test_a_submodule_is_missing_unless_asked_for(
    repository: Repository, library: Repository, home: Home, check_out: CheckOut
) -> None:
    add_submodule(repository, library)
    without = check_out()
    assert without.declared_submodules == without.missing_submodules == ("lib",)
    record = check_out(submodules=True)
    assert record.declared_submodules == ("lib",)
    assert record.missing_submodules == record.dirty_files == ()
    assert (workspace(home) / "lib" / "lib.py").read_text() == "1"
    assert git.workspace_tree(workspace(home)) == record.source.tree
    (workspace(home) / "lib" / "lib.py").write_text("2")
    assert git.workspace_tree(workspace(home)) == record.source.tree + "-dirty"


def test_submodules_of_submodules(
    repository: Repository, library: Repository, tmp_path: Path, home: Home, check_out: CheckOut
) -> None:
    inner = Repository(tmp_path / "inner")
    inner.commit({"deep.py": "1"})
    add_submodule(library, inner, "../inner", "vendor/inner")
    add_submodule(repository, library)
    check_out(submodules=True)
    assert (workspace(home) / "lib" / "vendor" / "inner" / "deep.py").read_text() == "1"


@pytest.mark.parametrize("url", ["ext::sh -c id", "https://elsewhere.example/x.git", "ssh://-oProxyCommand=id/x"])
def test_a_submodule_from_elsewhere_is_refused(
    url: str, repository: Repository, library: Repository, home: Home, check_out: CheckOut
) -> None:
    add_submodule(repository, library, url)
    with pytest.raises(git.SubmoduleError, match="SUBMODULE_REFUSED: submodule lib is not fetched") as caught:
        check_out(submodules=True)
    assert caught.value.exit_code is Exit.USAGE
    assert not workspace(home).exists()


def test_a_submodule_whose_commit_was_never_pushed(
    repository: Repository, library: Repository, check_out: CheckOut
) -> None:
    add_submodule(repository, library)
    repository.git("update-index", "--cacheinfo", f"160000,{'1' * 40},lib")
    repository.git("commit", "--quiet", "-m", "A commit that nobody has")
    with pytest.raises(git.SubmoduleError) as caught:
        check_out(submodules=True)
    assert caught.value.code == "SUBMODULE_COMMIT"


def test_a_shallow_repository_says_so(repository: Repository, tmp_path: Path, check_out: CheckOut) -> None:
    repository.commit({"app.py": "2"}, "Second")
    head = repository.commit({"app.py": "3"}, "Third")
    clone = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.path}", str(clone))
    shallow = Repository(clone, init=False)
    record = check_out(of=shallow)
    assert (record.shallow, record.merge_base, record.changed_files) == (True, None, ())
    shallow.git("fetch", "--quiet", "--unshallow")
    record = check_out(of=shallow)
    assert (record.shallow, record.source.commit) == (False, head)
    assert [file.path for file in record.changed_files] == ["app.py"]


def test_too_many_files_or_bytes(
    repository: Repository, home: Home, check_out: CheckOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = stage.list_tree(Path(request(repository, home).resolved.mirror), repository.head)
    source_files.refuse_too_much(entries, max_files=2, max_bytes=25)
    with pytest.raises(
        source_files.CheckoutLimitError, match="CHECKOUT_LIMIT: the commit has too many files, found '2'"
    ):
        source_files.refuse_too_much(entries, max_files=1)
    with pytest.raises(source_files.CheckoutLimitError, match=r"too large, at app\.py, found '25 bytes'"):
        source_files.refuse_too_much(entries, max_bytes=24)


def test_a_tampered_source_is_not_handed_out(repository: Repository, home: Home) -> None:
    true = source(repository, home)
    false = true.model_copy(update={"tree": "0" * 40})
    with pytest.raises(git.WorkspaceError, match="WORKSPACE_WRONG"):
        git.materialise(false, home.workspaces / "x", log=None)
    assert not (home.workspaces / "x").exists()
    gone = SourceRef.model_validate({**true.model_dump(), "mirror": str(home.mirrors / "gone.git")})
    with pytest.raises(git.WorkspaceError, match="MIRROR_GONE"):
        git.materialise(gone, home.workspaces / "x", log=None)


def test_a_broken_mirror_is_named(repository: Repository, home: Home) -> None:
    true = source(repository, home)
    for pack in (Path(true.mirror) / "objects").rglob("*.pack"):
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes()[:-60] + bytes(60))
    with pytest.raises(git.WorkspaceError) as caught:
        git.materialise(true, home.workspaces / "x", log=None)
    assert caught.value.code == "MIRROR_BROKEN"
    assert f"Remove {true.mirror}" in caught.value.next_step


def test_what_is_on_disk_is_what_the_tree_hash_says(repository: Repository, home: Home) -> None:
    true = source(repository, home)
    folder = home.workspaces / "x"
    git.materialise(true, folder, log=None)
    assert git.workspace_tree(folder) == true.tree
    (folder / "build").mkdir()
    (folder / "build" / "made.py").write_text("a build may make files")
    assert git.workspace_tree(folder) == true.tree
    assert git.dirty_files(folder) == ("build/made.py",)
    (folder / "app.py").write_text("a build may not change them")
    assert git.workspace_tree(folder) != true.tree
    (folder / "app.py").unlink()
    assert git.workspace_tree(folder) != true.tree


def test_the_key_holds_what_decides_the_record(repository: Repository, home: Home, check_out: CheckOut) -> None:
    asked = request(repository, home, "main")
    before = stage.inputs(asked)
    assert check_out("main").inputs == before
    repository.git("tag", "v1")
    after = stage.inputs(request(repository, home, "main"))
    assert {name for name in before if before[name] != after[name]} == {"tags"}
    assert stage.inputs(asked.model_copy(update={"submodules": True})) != before

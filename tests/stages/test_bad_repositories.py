"""Rows 48 and 49 of the bad inputs: repositories that want out of the workspace, or that no disk would hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.errors import Exit
from sluice.records.checkout import CheckoutRecord, CheckoutRequest
from sluice.settings import Home
from sluice.stages import checkout as stage
from sluice.stages.source_files import CheckoutLimitError
from sluice.stages.workplace import open_workplace
from sluice.states import StageName
from sluice.tools import git
from sluice.tools.git_command import GitError
from tests.repositories import Repository, context, request

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"
CANARY = "sluice-canary"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "greeter")
    made.commit({"app.py": "print('hello')\n"}, "First")
    return made


def check_out(home: Home, asked: CheckoutRequest) -> CheckoutRecord:
    with open_workplace(context(home, StageName.CHECKOUT)) as place:
        return stage.checkout(asked, place)


def workspace(home: Home) -> Path:
    return home.workspaces / context(home, StageName.CHECKOUT).run_id / "checkout"


@pytest.mark.parametrize(
    ("name", "path", "url"),
    [
        ("lib", "lib", f"ext::sh -c 'touch {CANARY}'"),
        ("lib", "lib", "file:///etc"),
        ("lib", "lib", "/etc"),
        ("lib", "lib", f"ssh://-oProxyCommand=touch {CANARY}/x"),
        ("lib", "lib", "https:///git.example/team/lib.git"),
        ("lib", "lib", f"-u{CANARY}"),
        ("lib", "lib", "../lib.git\r"),
        ("lib", "lib\r", "../lib.git"),
        ("../../x", "lib", "../lib.git"),
        ("-lib", "lib", "../lib.git"),
    ],
)
def test_a_submodule_that_leads_astray_is_off_by_default_and_refused_when_on(
    name: str, path: str, url: str, repository: Repository, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    repository.write({".gitmodules": f'[submodule "{name}"]\n\tpath = "{path}"\n\turl = "{url}"\n'})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{path}")
    repository.git("add", ".gitmodules")
    repository.git("commit", "--quiet", "-m", "Lead astray")
    asked = request(repository, home)
    mirror = Repository(Path(asked.resolved.mirror), init=False)
    mirror.git("config", "sluice.url", "https://git.example/team/app.git")  # as of a repository on a server

    assert check_out(home, asked).missing_submodules == (path,)
    with pytest.raises(git.SubmoduleError, match="SUBMODULE_REFUSED: submodule") as caught:
        check_out(home, asked.model_copy(update={"submodules": True}))
    assert caught.value.exit_code is Exit.USAGE
    assert not workspace(home).exists()
    assert not list(tmp_path.rglob(f"*{CANARY}*"))


def test_a_symlink_out_is_kept_and_never_followed(repository: Repository, home: Home, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text(POINTER)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "pyproject.toml").write_text("[project]\n")
    targets = {
        "above": "../../../../outside",
        "absolute": str(tmp_path / "outside"),
        "folder": str(tmp_path / "folder"),
    }
    for name, target in {**targets, "nowhere": "/nonexistent/x", "itself": "itself"}.items():
        (repository.path / name).symlink_to(target)
    repository.commit(None, "Lead out")
    record = check_out(home, request(repository, home))
    assert record.lfs_pointers == record.dirty_files == record.dependency_files == ()
    assert record.file_count == 6
    assert {name: str((workspace(home) / name).readlink()) for name in targets} == targets
    assert git.workspace_tree(workspace(home)) == record.source.tree == repository.tree
    (tmp_path / "outside").write_text("changed outside")
    assert git.workspace_tree(workspace(home)) == record.source.tree


def test_names_that_clash_or_break_lines_are_files_like_others(repository: Repository, home: Home) -> None:
    names = ("Read.me", "READ.ME", "a\nb.py", "Folder\n/x", "folder\n/x", "\ttab", '"quoted"', "-rf")
    repository.commit(dict.fromkeys(names, "1\n"), "Odd names")
    record = check_out(home, request(repository, home))
    assert {file.path for file in record.changed_files} == set(names)
    assert (record.file_count, record.dirty_files) == (len(names) + 1, ())
    assert all((workspace(home) / name).read_text() == "1\n" for name in names)


def commit_tree(repository: Repository, leaves: str, folders: int) -> None:
    """Commit `folders` folders that hold `leaves` each, without one of their files on disk."""
    folder = repository.git("mktree", stdin=leaves.encode())
    root = "".join(f"040000 tree {folder}\td{number}\n" for number in range(folders))
    tree = repository.git("mktree", stdin=root.encode())
    repository.git("update-ref", "HEAD", repository.git("commit-tree", tree, "-m", "Very much"))


def test_a_million_files_are_refused_before_one_is_written(repository: Repository, home: Home) -> None:
    blob = repository.git("hash-object", "-w", "--stdin", stdin=b"x")
    commit_tree(repository, "".join(f"100644 blob {blob}\tf{number}\n" for number in range(1000)), 1000)
    with pytest.raises((CheckoutLimitError, GitError)) as caught:
        check_out(home, request(repository, home))
    assert caught.value.code == "CHECKOUT_LIMIT"
    assert not workspace(home).exists()


def test_five_gigabytes_are_refused_before_one_is_written(repository: Repository, home: Home) -> None:
    blob = repository.git("hash-object", "-w", "--stdin", stdin=bytes(64 << 20))
    commit_tree(repository, f"100644 blob {blob}\tbulk\n", 80)
    with pytest.raises(CheckoutLimitError, match="CHECKOUT_LIMIT: the commit is too large, at d") as caught:
        check_out(home, request(repository, home))
    assert caught.value.found == f"{5 << 30} bytes"
    assert not workspace(home).exists()

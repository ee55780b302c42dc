"""The branch that is checked out and the default one, without git."""

from __future__ import annotations

from pathlib import Path

from sluice.config.git_head import current_branch, default_branch


def repository(root: Path, head: str = "ref: refs/heads/work/a\n", **files: str) -> Path:
    (root / ".git" / "refs" / "heads").mkdir(parents=True)
    (root / ".git" / "HEAD").write_text(head)
    for name, text in files.items():
        path = root / ".git" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_current_branch_is_found_from_below(tmp_path: Path) -> None:
    root = repository(tmp_path)
    (root / "a" / "b").mkdir(parents=True)
    assert current_branch(root / "a" / "b") == "work/a"


def test_detached_or_no_repository(tmp_path: Path) -> None:
    assert current_branch(repository(tmp_path / "one", "a" * 40 + "\n")) is None
    (tmp_path / "two").mkdir()
    assert default_branch(tmp_path / "two") == "main"


def test_the_default_branch_is_the_remotes_else_main_else_master_else_the_current(tmp_path: Path) -> None:
    remote = {"refs__remotes__origin__HEAD": "ref: refs/remotes/origin/trunk\n", "refs__heads__main": "a"}
    assert default_branch(repository(tmp_path / "a", **remote)) == "trunk"
    assert default_branch(repository(tmp_path / "b", refs__heads__master="a", refs__heads__main="a")) == "main"
    packed = {"packed-refs": "# pack-refs\nabc refs/heads/master\n"}
    assert default_branch(repository(tmp_path / "c", **packed)) == "master"
    assert default_branch(repository(tmp_path / "d")) == "work/a"


def test_a_worktree_reads_its_own_head_and_the_shared_branches(tmp_path: Path) -> None:
    root = repository(tmp_path / "main", refs__heads__main="a")
    own = root / ".git" / "worktrees" / "x"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/topic\n")
    (own / "commondir").write_text("../..\n")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {own}\n")
    assert (current_branch(tree), default_branch(tree)) == ("topic", "main")

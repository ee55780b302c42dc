"""Refs of real repositories: resolved to one commit, or refused by name."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sluice.errors import Exit, InfrastructureError, TransientError
from sluice.records.checkout import RefKind
from sluice.settings import Home
from sluice.tools import git
from tests.git_server import certificate
from tests.repositories import Repository
from tests.serving import serving
from tests.unit.tools.test_git import HOSTILE_REFS


def test_branch_before_tag_before_commit(repository: Repository, home: Home) -> None:
    first = repository.head
    second = repository.commit({"app.py": "2"}, "Second")
    repository.git("tag", "both", first)
    repository.git("branch", "both", second)
    repository.git("tag", "v1", first)
    repository.git("branch", first[:7], second)  # a branch that looks like a commit

    def found(ref: str) -> tuple[RefKind, str, str]:
        resolved = git.resolve(str(repository.path), ref, home, log=None)
        assert resolved.requested == ref
        return resolved.kind, resolved.name, resolved.commit

    assert found("both") == (RefKind.BRANCH, "both", second)
    assert found("refs/tags/both") == (RefKind.TAG, "both", first)
    assert found("refs/heads/main") == (RefKind.BRANCH, "main", second)
    assert found("v1") == (RefKind.TAG, "v1", first)
    assert found(first[:7]) == (RefKind.BRANCH, first[:7], second)
    assert found(first[:8].upper()) == (RefKind.COMMIT, first, first)
    assert found(first) == (RefKind.COMMIT, first, first)
    assert found("HEAD") == (RefKind.BRANCH, "main", second)


def test_annotated_tags_are_peeled_even_twice(repository: Repository, home: Home) -> None:
    repository.git("tag", "-a", "v1", "-m", "one")
    repository.git("tag", "-a", "v1-again", "v1", "-m", "a tag of a tag")
    for ref in ("v1", "v1-again"):
        resolved = git.resolve(str(repository.path), ref, home, log=None)
        assert (resolved.kind, resolved.commit) == (RefKind.TAG, repository.head)


def test_a_tag_of_a_file_is_no_commit(repository: Repository, home: Home) -> None:
    repository.git("tag", "blob", repository.git("rev-parse", "HEAD:app.py"))
    with pytest.raises(git.RefError) as caught:
        git.resolve(str(repository.path), "blob", home, log=None)
    assert caught.value.code == "REF_NOT_A_COMMIT"


def test_a_moved_tag_and_a_removed_branch_are_followed(repository: Repository, home: Home) -> None:
    repository.git("tag", "v1")
    repository.git("branch", "old")
    git.resolve(str(repository.path), "old", home, log=None)
    second = repository.commit({"app.py": "2"}, "Second")
    repository.git("tag", "--force", "v1", second)
    repository.git("branch", "-D", "old")
    repository.git("branch", "old/new")  # takes the place of what was a file
    assert git.resolve(str(repository.path), "v1", home, log=None).commit == second
    assert git.resolve(str(repository.path), "old/new", home, log=None).commit == second
    with pytest.raises(git.RefError, match="REF_UNKNOWN"):
        git.resolve(str(repository.path), "old", home, log=None)


def test_a_rewritten_branch_is_followed(repository: Repository, home: Home) -> None:
    git.resolve(str(repository.path), "main", home, log=None)
    repository.commit({"app.py": "other"}, "Rewritten", "--amend")
    assert git.resolve(str(repository.path), "main", home, log=None).commit == repository.head


def test_head_that_is_detached_beside_all_branches(repository: Repository, home: Home) -> None:
    repository.git("checkout", "--quiet", "--detach")
    lonely = repository.commit({"app.py": "lonely"}, "On no branch")
    resolved = git.resolve(str(repository.path), "HEAD", home, log=None)
    assert (resolved.kind, resolved.commit, resolved.default_branch) == (RefKind.COMMIT, lonely, "main")
    repository.git("checkout", "--quiet", "main")
    assert git.resolve(str(repository.path), lonely, home, log=None).commit == lonely


def test_any_directory_inside_a_linked_worktree_and_a_bare_repository(repository: Repository, home: Home) -> None:
    (repository.path / "deep" / "er").mkdir(parents=True)
    assert git.resolve(str(repository.path / "deep" / "er"), "HEAD", home, log=None).repository == str(repository.path)
    side = repository.path.parent / "side"
    repository.git("worktree", "add", "--quiet", "-b", "side", str(side))
    assert git.resolve(str(side), "HEAD", home, log=None).name == "side"
    bare = repository.path.parent / "bare.git"
    repository.git("clone", "--quiet", "--bare", ".", str(bare))
    resolved = git.resolve(str(bare), "HEAD", home, log=None)
    assert (resolved.repository, resolved.name, resolved.commit) == (str(bare), "main", repository.head)
    assert git.top_level(repository.path / "deep") == repository.path
    assert git.top_level(bare) == bare


def test_the_default_branch_is_not_whatever_is_checked_out(repository: Repository, home: Home) -> None:
    repository.git("checkout", "--quiet", "-b", "feature")
    assert git.resolve(str(repository.path), "HEAD", home, log=None).default_branch == "main"
    clone = repository.path.parent / "clone"
    repository.git("branch", "--move", "main", "production")
    repository.git("checkout", "--quiet", "production")
    repository.git("clone", "--quiet", ".", str(clone))
    copy = Repository(clone, init=False)
    copy.git("checkout", "--quiet", "-b", "other")
    assert git.resolve(str(clone), "HEAD", home, log=None).default_branch == "production"


def test_sha256_repositories(tmp_path: Path, home: Home) -> None:
    made = Repository(tmp_path / "new", init=False)
    made.path.mkdir()
    made.git("init", "--quiet", "--initial-branch=main", "--object-format=sha256")
    commit = made.commit({"a": "1"})
    assert len(commit) == 64
    assert git.resolve(str(made.path), "main", home, log=None).commit == commit


def test_not_a_repository(tmp_path: Path, home: Home) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "file").write_text("x")
    for name, words in (("plain", "this is not a git repository"), ("file", "is a file"), ("gone", "no such")):
        with pytest.raises(git.RepositoryError, match=words) as caught:
            git.resolve(str(tmp_path / name), "HEAD", home, log=None)
        assert caught.value.code == "NOT_A_REPOSITORY"
        assert caught.value.exit_code is Exit.USAGE
        assert "git repository" in caught.value.next_step
    assert not list(home.mirrors.iterdir())


def test_an_empty_repository(tmp_path: Path, home: Home) -> None:
    Repository(tmp_path / "empty")
    with pytest.raises(git.RepositoryError, match="has no commit") as caught:
        git.resolve(str(tmp_path / "empty"), "HEAD", home, log=None)
    assert caught.value.code == "REPOSITORY_EMPTY"


def test_an_unknown_ref_names_what_looks_like_it(repository: Repository, home: Home) -> None:
    repository.git("branch", "feature/login")
    for ref, guess in (("mian", "main"), ("login", "feature/login"), ("refs/heads/maim", "main")):
        with pytest.raises(git.RefError) as caught:
            git.resolve(str(repository.path), ref, home, log=None)
        assert caught.value.code == "REF_UNKNOWN"
        assert f"Did you mean {guess}?" in str(caught.value)
    for ref in ("0" * 40, "abcd", "zzzz"):
        with pytest.raises(git.RefError, match="REF_UNKNOWN"):
            git.resolve(str(repository.path), ref, home, log=None)


def test_hostile_refs_never_reach_git(repository: Repository, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.path)
    before = sorted(os.listdir(repository.path))
    for ref in HOSTILE_REFS:
        with pytest.raises(git.RefError, match="REF_INVALID"):
            git.resolve(str(repository.path), ref, home, log=None)
    assert sorted(os.listdir(repository.path)) == before
    assert not list(home.root.rglob("*canary*"))


def test_hooks_and_configuration_of_the_repository_do_not_run(repository: Repository, home: Home) -> None:
    canary = repository.path.parent / "canary"
    for name in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        hook = repository.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {canary}\n")
        hook.chmod(0o755)
    for key in ("core.fsmonitor", "uploadpack.packObjectsHook", "core.sshCommand", "core.pager"):
        repository.git("config", key, f"touch {canary}")
    canary.unlink(missing_ok=True)  # git config itself may have run one
    git.resolve(str(repository.path), "main", home, log=None)
    assert not canary.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to another owner")
def test_a_repository_of_another_owner(repository: Repository, home: Home) -> None:
    for folder, _folders, files in os.walk(repository.path):
        for name in (".", *files):
            os.chown(Path(folder) / name, 65534, 65534)
    assert git.resolve(str(repository.path), "main", home, log=None).name == "main"
    assert git.uncommitted(str(repository.path)) == 0  # git refuses to look, and nothing of theirs runs


def test_the_users_git_environment_does_not_lead_elsewhere(
    repository: Repository, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository(tmp_path / "other")
    other.commit({"x": "1"}, "Another history")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    (repository.path / "app.py").write_text("changed\n")
    assert git.resolve(str(repository.path), "HEAD", home, log=None).commit != other.head
    assert git.uncommitted(str(repository.path)) == 1


def test_old_slips_of_git_are_accepted_and_dangerous_trees_are_not(tmp_path: Path, home: Home) -> None:
    made = Repository(tmp_path / "old")
    blob = bytes.fromhex(made.git("hash-object", "-w", "--stdin", stdin=b"x\n"))
    padded = b"040000 d\0" + bytes.fromhex(_tree(made, b"100644 f\0" + blob))
    _point(made, _commit(made, _tree(made, padded), b"Ada <ada> 1 +051800"))
    assert git.resolve(str(made.path), "main", home, log=None).kind is RefKind.BRANCH

    evil = Repository(tmp_path / "evil")
    blob = bytes.fromhex(evil.git("hash-object", "-w", "--stdin", stdin=b"[core]\n"))
    inner = bytes.fromhex(_tree(evil, b"100644 config\0" + blob))
    _point(evil, _commit(evil, _tree(evil, b"40000 .git\0" + inner), b"Eve <e@x> 1 +0000"))
    with pytest.raises(git.RepositoryError) as caught:
        git.resolve(str(evil.path), "main", home, log=None)
    assert caught.value.code == "REPOSITORY_UNSAFE"


def _tree(repository: Repository, data: bytes) -> str:
    return repository.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=data)


def _commit(repository: Repository, tree: str, who: bytes) -> str:
    data = b"tree " + tree.encode() + b"\nauthor " + who + b"\ncommitter " + who + b"\n\nOld\n"
    return repository.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=data)


def _point(repository: Repository, commit: str) -> None:
    (repository.path / ".git" / "refs" / "heads" / "main").write_text(commit + "\n")


def test_a_mirror_that_a_killed_git_left_locked_is_used_again(repository: Repository, home: Home) -> None:
    mirror = Path(git.resolve(str(repository.path), "main", home, log=None).mirror)
    (mirror / "refs" / "heads" / "main.lock").write_text("")
    (mirror / "packed-refs.lock").write_text("")
    second = repository.commit({"app.py": "2"}, "Second")
    assert git.resolve(str(repository.path), "main", home, log=None).commit == second


def test_a_mirror_whose_objects_are_gone_is_made_anew(repository: Repository, home: Home) -> None:
    mirror = Path(git.resolve(str(repository.path), "main", home, log=None).mirror)
    shutil.rmtree(mirror / "objects")
    (mirror / "objects").mkdir()
    assert git.resolve(str(repository.path), "main", home, log=None).commit == repository.head
    second = repository.commit({"app.py": "2"}, "Second")
    assert git.resolve(str(repository.path), "main", home, log=None).commit == second


def test_an_unreachable_server_is_the_worlds_fault(home: Home) -> None:
    with pytest.raises(TransientError) as caught:
        git.resolve("https://127.0.0.1:9/team/x.git", "main", home, log=None)
    assert caught.value.code == "REPOSITORY_UNREACHABLE"
    assert caught.value.exit_code is Exit.INFRASTRUCTURE


def test_uncommitted_files_are_counted(repository: Repository) -> None:
    assert git.uncommitted(str(repository.path)) == 0
    repository.write({"app.py": "changed", "new.py": "1", ".gitignore": "junk\n", "junk": "x"})
    repository.git("add", "new.py")
    assert git.uncommitted(str(repository.path)) == 3
    assert git.uncommitted("https://git.example/x.git") == 0


def test_an_unchanged_repository_is_resolved_quickly(repository: Repository, home: Home) -> None:
    git.resolve(str(repository.path), "main", home, log=None)
    lines: list[str] = []
    times = []
    for _ in range(5):
        begin = time.monotonic()
        git.resolve(str(repository.path), "main", home, log=lines.append)
        times.append(time.monotonic() - begin)
    assert lines == []  # nothing was fetched
    assert min(times) < 0.2


def test_a_repository_with_missing_objects_is_named(repository: Repository, home: Home) -> None:
    blob = repository.git("rev-parse", "HEAD:app.py")
    (repository.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(git.RepositoryError) as caught:
        git.resolve(str(repository.path), "main", home, log=None)
    assert caught.value.code == "REPOSITORY_BROKEN"


def test_many_runs_fetch_the_same_new_repository_at_once(repository: Repository, home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(git.resolve, str(repository.path), "main", home, log=None) for _ in range(8)]
    assert {run.result().commit for run in runs} == {repository.head}


@pytest.fixture
def served(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The repository behind a real https server on 127.0.0.1, its certificate known to git only."""
    root = tmp_path / "srv"
    repository.git("clone", "--quiet", "--bare", ".", str(root / "greeter.git"))
    Repository(root / "greeter.git", init=False).git("update-server-info")
    chain, key = certificate(tmp_path)
    monkeypatch.setenv("GIT_SSL_CAINFO", str(chain))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietFiles, directory=str(root)))
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield f"https://127.0.0.1:{server.server_port}"


class QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, *_words: object) -> None:
        pass


def test_a_repository_behind_https(served: str, repository: Repository, home: Home) -> None:
    resolved = git.resolve(f"{served}/greeter.git", "HEAD", home, log=None)
    assert (resolved.name, resolved.default_branch, resolved.commit) == ("main", "main", repository.head)
    assert git.resolve(f"{served}/greeter.git", "main", home, log=None).commit == repository.head
    with pytest.raises(git.RepositoryError, match="REPOSITORY_NOT_FOUND"):
        git.resolve(f"{served}/nothing.git", "main", home, log=None)


def test_a_server_that_nobody_vouches_for_is_refused(served: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_SSL_CAINFO")
    with pytest.raises(InfrastructureError, match="REPOSITORY_UNTRUSTED") as caught:
        git.resolve(f"{served}/greeter.git", "main", home, log=None)
    assert not caught.value.transient


def test_git_itself_is_real() -> None:
    assert subprocess.run(["git", "--version"], check=True, capture_output=True).stdout.startswith(b"git version")

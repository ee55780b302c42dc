"""The lies after checkout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluice.tools import git, git_command, programs
from tests.faults.lies.case import Made, lie, twin
from tests.faults.lies.world import World, facts_of
from tests.repositories import Repository

LOCKED = '[project]\nname = "a"\nversion = "1"\ndependencies = {}\n'
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n".format("a" * 64)


def shallow(world: World, repository: Repository, depth: int) -> Repository:
    """Clone the newest commits of a repository only."""
    words = ["git", "clone", "-q", f"--depth={depth}", "--no-single-branch", f"file://{repository.path}"]
    subprocess.run([*words, str(world.folder / "shallow")], check=True, capture_output=True)
    return Repository(world.folder / "shallow", init=False)


@lie("C01")
def tag_was_pointed_elsewhere(world: World) -> Made:
    """a tag was re-pointed between the trigger and the run"""
    repository = world.repository()
    repository.git("tag", "v1")
    seen = repository.head
    repository.commit({"app.py": "print('else')\n"})
    repository.git("tag", "--force", "v1")
    record = world.check_out(repository, "v1", expected_commit=seen)
    return record, facts_of(record)


@twin("C01")
def tag_stayed(world: World) -> Made:
    """the branch moved on, the tag stayed"""
    repository = world.repository()
    repository.git("tag", "v1")
    seen = repository.head
    repository.commit({"app.py": "print('else')\n"})
    record = world.check_out(repository, "v1", expected_commit=seen)
    return record, facts_of(record, commit=seen)


@lie("C02")
def shallow_clone(world: World) -> Made:
    """a branch out of a clone so shallow that the merge base is not in it"""
    clone = shallow(world, _two_branches(world), 1)
    record = world.check_out(clone, "origin-feature")
    return record, facts_of(record)


@twin("C02")
def deep_enough(world: World) -> Made:
    """the same branch out of a shallow clone that has the merge base"""
    clone = shallow(world, _two_branches(world), 5)
    record = world.check_out(clone, "origin-feature")
    assert record.shallow
    return record, facts_of(record)


def _two_branches(world: World) -> Repository:
    repository = world.repository()
    for number in range(8):
        repository.commit({"app.py": f"print({number})\n"})
    repository.git("checkout", "-q", "-b", "origin-feature")
    repository.commit({"feature.py": "1\n"})
    repository.commit({"feature.py": "2\n"})
    return repository


def _with_submodule(world: World) -> Repository:
    world.repository("theme", a__css="a {}")
    repository = world.repository()
    source = world.folder / "theme"
    repository.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(source), "vendor/theme")
    repository.commit(None, "Add the theme")
    return repository


@lie("C03")
def empty_submodule(world: World) -> Made:
    """a submodule is declared, and its folder is empty"""
    record = world.check_out(_with_submodule(world))
    return record, facts_of(record)


@twin("C03")
def whole_submodule(world: World) -> Made:
    """the same submodule, checked out at its commit"""
    record = world.check_out(_with_submodule(world), submodules=True)
    return record, facts_of(record)


@lie("C04")
def pointer_without_its_file(world: World) -> Made:
    """a picture is still a Git LFS pointer"""
    repository = world.repository(**{".gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\n"})
    repository.commit({"logo.png": POINTER})
    record = world.check_out(repository)
    return record, facts_of(record)


@twin("C04")
def text_about_pointers(world: World) -> Made:
    """a document that quotes a pointer, and a picture that is one"""
    repository = world.repository(**{".gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\n"})
    repository.commit({"about.md": f"This is a pointer:\n{POINTER}", "logo.png": b"\x89PNG\r\n\x1a\n"})
    record = world.check_out(repository)
    return record, facts_of(record)


@lie("C05")
def line_ends(world: World) -> Made:
    """an attribute turns line ends, and the file on disk is not the one that was committed"""
    repository = world.repository()
    repository.commit({"run.sh": b"#!/bin/sh\r\necho hello\r\n"})
    repository.write({".gitattributes": "*.sh text eol=lf\n"})
    repository.git("add", ".gitattributes")
    repository.git("commit", "--quiet", "-m", "Declare line ends afterwards")
    record = world.check_out(repository)
    return record, facts_of(record)


@twin("C05")
def line_ends_as_declared(world: World) -> Made:
    """the same attribute over a file that was committed with it"""
    repository = world.repository(**{".gitattributes": "*.sh text eol=lf\n"})
    repository.commit({"run.sh": b"#!/bin/sh\necho hello\n"})
    record = world.check_out(repository)
    return record, facts_of(record)


@lie("C06")
def lock_left_behind(world: World) -> Made:
    """a dependency was added, the lock was not made again"""
    repository = world.repository(**{"pyproject.toml": LOCKED.format("[]"), "uv.lock": "version = 1\n"})
    repository.commit({"pyproject.toml": LOCKED.format('["attrs"]')})
    record = world.check_out(repository)
    return record, facts_of(record)


@twin("C06")
def only_the_version(world: World) -> Made:
    """only the version in the manifest changed"""
    repository = world.repository(**{"pyproject.toml": LOCKED.format("[]"), "uv.lock": "version = 1\n"})
    repository.commit({"pyproject.toml": LOCKED.format("[]").replace('"1"', '"2"')})
    record = world.check_out(repository)
    return record, facts_of(record)


@contextmanager
def git_that_sees_no_difference(folder: Path) -> Iterator[None]:
    """Put a git in front of the real one that finds nothing whenever it is asked what differs."""
    variable = programs.variable("git")
    script = folder / "git"
    script.write_text(f'#!/bin/sh\ncase " $* " in *" diff-tree "*) exit 0;; esac\nexec {git_command.program()} "$@"\n')
    script.chmod(0o755)
    before = os.environ.get(variable)
    os.environ[variable] = str(script)
    git_command.program.cache_clear()
    try:
        yield
    finally:
        os.environ.pop(variable)
        os.environ |= {variable: before} if before is not None else {}
        git_command.program.cache_clear()


@lie("C07")
def git_answers_nothing(world: World) -> Made:
    """a broken git finds no changed file, and the trees differ"""
    repository = world.repository()
    repository.commit({"app.py": "print('else')\n"})
    with git_that_sees_no_difference(world.folder):
        record = world.check_out(repository)
    assert record.changed_files == ()
    return record, facts_of(record)


@twin("C07")
def empty_commit(world: World) -> Made:
    """a commit that really changes nothing"""
    repository = world.repository()
    repository.commit(None, "Start the build again")
    record = world.check_out(repository)
    assert record.changed_files == ()
    return record, facts_of(record)


@lie("C08")
def pushed_over(world: World) -> Made:
    """a commit of somebody else was pushed over"""
    repository = world.repository()
    before = repository.commit({"app.py": "print('theirs')\n"})
    repository.git("reset", "-q", "--hard", "HEAD~1")
    repository.commit({"app.py": "print('ours')\n"})
    return _after(world, repository, before)


@twin("C08")
def pushed_on(world: World) -> Made:
    """two commits were pushed on top"""
    repository = world.repository()
    before = repository.head
    repository.commit({"app.py": "print(1)\n"})
    repository.commit({"app.py": "print(2)\n"})
    return _after(world, repository, before)


def _after(world: World, repository: Repository, before: str) -> Made:
    record = world.check_out(repository)
    overwritten = not git.is_ancestor(Path(record.source.mirror), before, record.source.commit)
    return record, facts_of(record, previous_commit=before, overwritten=overwritten)


@lie("C09")
def older_than_what_serves(world: World) -> Made:
    """the branch's newer commit serves already, and a late push brings the older one"""
    return _served(world, newer=True)


@twin("C09")
def newer_than_what_serves(world: World) -> Made:
    """what serves is the commit before"""
    return _served(world, newer=False)


def _served(world: World, *, newer: bool) -> Made:
    repository = world.repository()
    older, served = repository.head, repository.commit({"app.py": "print(2)\n"})
    world.check_out(repository)  # the mirror knows both
    if newer:
        repository.git("reset", "-q", "--hard", older)
    else:
        served = older
    record = world.check_out(repository)
    contains = git.is_ancestor(Path(record.source.mirror), record.source.commit, served)
    return record, facts_of(record, superseded_by=(served,) if contains else ())

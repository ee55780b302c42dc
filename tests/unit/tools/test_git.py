"""Refs, URLs and git's output: what needs no git."""

from __future__ import annotations

import pytest

from sluice.errors import Exit
from sluice.records.checkout import ChangedFile
from sluice.tools.git import RefError, RepositoryError, check_ref, check_url, is_url
from sluice.tools.git_history import parse_changes
from sluice.tools.git_location import Location
from sluice.tools.git_submodules import Submodule, SubmoduleError, allowed_location

HOSTILE_REFS = [
    "", "-", "--", "-x", "--upload-pack=touch canary", "--upload-pack=x", "--output=canary", "-o", "--exec=sh",
    "refs/heads/--upload-pack=x", "refs/heads/-x", "refs/heads/", "refs/heads//x", "refs/tags/-v", "refs/",
    "refs/pull/../..", "refs/pull/1/head", "refs/remotes/origin/main", "refs/stash", "a..b", "main..evil", "../x",
    "x/../y", "..", ".", ".git", ".hidden", "a/.b", "a b", " a", "a ", "\ta", "a\tb", "a\n", "a\nb", "a\r", "\x00",
    "a\x00b", "a\x1b[31m", "a\x7f", "$(touch canary)", "`touch canary`", "a;touch canary", "a&touch canary",
    "a|touch canary", "a>canary", "a<canary", "${IFS}", "$HOME", "a'b", 'a"b', "a\\b", "a*", "a?", "a[b", "a]b",
    "a{b}", "@{1}", "HEAD@{1}", "@{u}", "@", "HEAD^", "HEAD~1", "main:file", ":/fix", "^main", "!x", "a#b", "a%00",
    "a.lock", "a.lock/b", "a/", "a.", "a./b", "x" * 201, "é", "\uff4dain", "a\u202eb", "a\u2028b", "a\ud800",
    "ext::sh -c touch% canary", "file:///etc", "-c core.pager=x",
]  # fmt: skip


@pytest.mark.parametrize("ref", HOSTILE_REFS)
def test_a_hostile_ref_is_refused(ref: str) -> None:
    with pytest.raises(RefError) as caught:
        check_ref(ref)
    assert caught.value.code == "REF_INVALID"
    assert caught.value.exit_code is Exit.USAGE


@pytest.mark.parametrize(
    "ref",
    ["HEAD", "main", "v1.2.3", "feature/a-b_c", "dependabot/pip/x-1.2", "refs/heads/main", "refs/tags/v1", "user@x",
     "a+b", "deadbeef", "0" * 40, "1.0", "x" * 200],
)  # fmt: skip
def test_an_honest_ref_is_accepted(ref: str) -> None:
    assert check_ref(ref) == ref


def test_the_error_says_found_allowed_and_next_step() -> None:
    with pytest.raises(RefError) as caught:
        check_ref("--upload-pack=x")
    assert str(caught.value) == (
        "REF_INVALID: this cannot be a branch, tag or commit, found '--upload-pack=x', allowed: letters, digits and "
        ". _ / + @ -, at most 200; no part begins with - or .. Give a branch, a tag or a commit id."
    )


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ext::sh -c touch% canary", "REPOSITORY_INVALID"),
        ("ext::id", "REPOSITORY_INVALID"),
        ("file:///etc", "REPOSITORY_INVALID"),
        ("git://host/x", "REPOSITORY_INVALID"),
        ("http://169.254.169.254/", "REPOSITORY_INVALID"),
        ("http://host/x", "REPOSITORY_INVALID"),
        ("fd::17", "REPOSITORY_INVALID"),
        ("https://", "REPOSITORY_INVALID"),
        ("https:///host/path", "REPOSITORY_INVALID"),
        ("https://host", "REPOSITORY_INVALID"),
        ("https://host//other/path", "REPOSITORY_INVALID"),
        ("https://host:port/x", "REPOSITORY_INVALID"),
        ("https://-host/x", "REPOSITORY_INVALID"),
        ("https://ho st/x", "REPOSITORY_INVALID"),
        ("https://host/x\ny", "REPOSITORY_INVALID"),
        ("https://host/x?upload=1", "REPOSITORY_INVALID"),
        ("ssh://-oProxyCommand=touch/x", "REPOSITORY_INVALID"),
        ("ssh://-oProxyCommand=x@host/x", "REPOSITORY_INVALID"),
        ("https://user:secret@host/x", "REPOSITORY_CREDENTIALS"),
        ("https://token@host/x", "REPOSITORY_CREDENTIALS"),
        ("ssh://git:secret@host/x", "REPOSITORY_CREDENTIALS"),
    ],
)
def test_a_hostile_url_is_refused(url: str, code: str) -> None:
    assert is_url(url)
    with pytest.raises(RepositoryError) as caught:
        check_url(url)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "canonical", "host"),
    [
        ("https://Git.Example/team/x.git", "https://git.example/team/x.git", "git.example"),
        ("HTTPS://git.example:443/team/x/", "https://git.example/team/x", "git.example"),
        ("https://git.example:8443/x", "https://git.example:8443/x", "git.example"),
        ("ssh://git@git.example:2222/x", "ssh://git@git.example:2222/x", "git.example"),
        ("git@git.example:team/x.git", "git@git.example:team/x.git", "git.example"),
        ("https://[::1]:8443/x", "https://[::1]:8443/x", "::1"),
    ],
)
def test_an_honest_url_has_one_name(url: str, canonical: str, host: str) -> None:
    assert check_url(url) == canonical
    assert Location(canonical).host == host


def test_changes_with_renames_binaries_and_odd_names_are_read() -> None:
    raw = [
        ":100644 100644 aa bb M", "plain.py",
        ":100644 100644 aa bb R090", "old\tname", "new\nname",
        ":000000 100644 00 bb A", "bild.png",
        ":100644 120000 aa bb T", "link",
    ]  # fmt: skip
    counts = ["3\t1\tplain.py", "2\t0\t", "old\tname", "new\nname", "-\t-\tbild.png", "1\t9\tlink"]
    assert parse_changes(raw + counts) == (
        ChangedFile(path="plain.py", change="M", additions=3, deletions=1),
        ChangedFile(path="new\nname", change="R", old_path="old\tname", additions=2, deletions=0),
        ChangedFile(path="bild.png", change="A"),
        ChangedFile(path="link", change="T", additions=1, deletions=9),
    )
    assert parse_changes([]) == ()


PARENT = Location("https://git.example/team/app.git")


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("../lib.git", "https://git.example/team/lib.git"),
        ("../../other/lib.git", "https://git.example/other/lib.git"),
        ("https://git.example/x/lib.git", "https://git.example/x/lib.git"),
        ("git@git.example:x/lib.git", "git@git.example:x/lib.git"),
    ],
)
def test_a_submodule_of_the_same_host_is_found(url: str, absolute: str) -> None:
    assert allowed_location(Submodule("lib", "0" * 40, "lib", url), PARENT).url == absolute


def test_a_relative_submodule_follows_an_ssh_parent() -> None:
    module = Submodule("lib", "0" * 40, "lib", "../lib.git")
    assert allowed_location(module, Location("git@git.example:team/app.git")).url == "git@git.example:team/lib.git"
    assert allowed_location(module, Location("ssh://git@h/team/app")).url == "ssh://git@h/team/lib.git"


@pytest.mark.parametrize(
    "module",
    [
        Submodule("lib", "0" * 40, "lib", "ext::sh -c id"),
        Submodule("lib", "0" * 40, "lib", "file:///etc"),
        Submodule("lib", "0" * 40, "lib", "/etc"),
        Submodule("lib", "0" * 40, "lib", "ssh://-oProxyCommand=id/x"),
        Submodule("lib", "0" * 40, "lib", "https:///git.example/x"),
        Submodule("lib", "0" * 40, "lib", "https://elsewhere.example/x"),
        Submodule("lib", "0" * 40, "lib", "https://git.example.evil/x"),
        Submodule("lib", "0" * 40, "lib", "https://169.254.169.254/x"),
        Submodule("lib", "0" * 40, "lib", "-u./x"),
        Submodule("lib", "0" * 40, "lib", ""),
        Submodule("lib\r", "0" * 40, "lib", "../lib.git"),
        Submodule("lib", "0" * 40, "lib", "../lib.git\r"),
        Submodule("lib", "0" * 40, "../../x", "../lib.git"),
        Submodule("lib", "0" * 40, "", ""),
        Submodule("../lib", "0" * 40, "lib", "../lib.git"),
        Submodule("a/.GIT/hooks", "0" * 40, "lib", "../lib.git"),
        Submodule("-lib", "0" * 40, "lib", "../lib.git"),
    ],
)
def test_a_hostile_submodule_is_refused_by_name(module: Submodule) -> None:
    with pytest.raises(SubmoduleError) as caught:
        allowed_location(module, PARENT)
    assert caught.value.code == "SUBMODULE_REFUSED"
    assert str(caught.value).startswith(f"SUBMODULE_REFUSED: submodule {module.name or module.path} is not fetched: ")

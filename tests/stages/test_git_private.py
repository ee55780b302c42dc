"""Private repositories behind https: the token reaches their host, and nothing else ever sees it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.errors import ConfigError, InfrastructureError
from sluice.settings import Home
from sluice.tools import git, git_command, git_credentials
from tests.git_server import GitServer
from tests.repositories import Repository
from tests.serving import serving

TOKEN = "ghp-Only4TheHost-7f3a9c"  # made up
WRAPPER = """\
#!/bin/sh
printf '%s\\n' "$*" >> "{log}"
exec "{git}" "$@"
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").make()


@pytest.fixture(autouse=True)
def no_login_of_another_test() -> Iterator[None]:
    git_credentials.forget()
    yield
    git_credentials.forget()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitServer]:
    repository = Repository(tmp_path / "greeter")
    repository.commit({"app.py": "print('hello')\n"}, "First")
    repository.git("clone", "--quiet", "--bare", ".", str(tmp_path / "srv" / "private.git"))
    with serving(GitServer(tmp_path / "srv", tmp_path, TOKEN)) as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.certificate))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield server


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every argument that git is started with, written down by a program in front of the real one."""
    log, program = tmp_path / "words", tmp_path / "git"
    program.write_text(WRAPPER.format(log=log, git=shutil.which("git")))
    program.chmod(0o755)
    monkeypatch.setenv("SLUICE_TOOL_GIT", str(program))
    git_command.program.cache_clear()
    yield log
    git_command.program.cache_clear()


def everything_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("value", [TOKEN, f"x-access-token:{TOKEN}"], ids=["token", "user and token"])
def test_a_private_repository_by_a_secret_reference(
    value: str, server: GitServer, home: Home, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TOKEN_OF_OURS", value)
    monkeypatch.setenv("SLUICE_GIT_CREDENTIALS", f"other.example=env:NONE, {server.host}=env:GIT_TOKEN_OF_OURS")
    lines: list[str] = []
    resolved = git.resolve(f"https://{server.host}/private.git", "main", home, log=lines.append)
    assert git.read_commit(Path(resolved.mirror), resolved.commit).subject == "First"
    assert server.logins[0] == "", "the login was sent before it was asked for"
    assert server.logins[-1].startswith("Basic ")
    assert "ls-remote" in words.read_text()
    for place in (words.read_text(), "\n".join(lines), everything_below(home.root).decode(errors="replace")):
        assert TOKEN not in place


def test_a_file_that_only_its_owner_reads(
    server: GitServer, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    monkeypatch.setenv("SLUICE_GIT_CREDENTIALS", f"{server.host}=file:{tmp_path / 'token'}")
    assert git.resolve(f"https://{server.host}/private.git", "HEAD", home, log=None).name == "main"


def test_without_a_login_the_error_says_what_gives_one(server: GitServer, home: Home) -> None:
    with pytest.raises(InfrastructureError) as caught:
        git.resolve(f"https://{server.host}/private.git", "main", home, log=None)
    text = str(caught.value)
    assert (caught.value.code, caught.value.transient) == ("REPOSITORY_DENIED", False)
    assert f"Sluice Git Host block for {server.host}" in text
    assert "SLUICE_GIT_CREDENTIALS" in text


def test_a_wrong_token_is_told_from_a_missing_one(
    server: GitServer, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TOKEN_OF_OURS", "ghp-of-yesterday")
    monkeypatch.setenv("SLUICE_GIT_CREDENTIALS", f"{server.host}=env:GIT_TOKEN_OF_OURS")
    with pytest.raises(InfrastructureError, match="refuses the login that is given") as caught:
        git.resolve(f"https://{server.host}/private.git", "main", home, log=None)
    assert "ghp-of-yesterday" not in str(caught.value)


def test_a_server_that_sends_git_elsewhere_does_not_get_the_token_there(
    server: GitServer, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lure").mkdir()
    with serving(GitServer(tmp_path, tmp_path / "lure", "none", elsewhere=f"https://{server.host}")) as lure:
        both = tmp_path / "both.pem"
        both.write_text(server.certificate.read_text() + lure.certificate.read_text())
        monkeypatch.setenv("GIT_SSL_CAINFO", str(both))
        monkeypatch.setenv("GIT_TOKEN_OF_OURS", TOKEN)
        monkeypatch.setenv("SLUICE_GIT_CREDENTIALS", f"{lure.host}=env:GIT_TOKEN_OF_OURS")
        with pytest.raises(InfrastructureError, match="REPOSITORY_DENIED"):
            git.resolve(f"https://{lure.host}/private.git", "main", home, log=None)
    assert set(server.logins) == {""}


def test_a_reference_that_leads_nowhere_is_told(server: GitServer, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET_ANYWHERE", raising=False)
    monkeypatch.setenv("SLUICE_GIT_CREDENTIALS", f"{server.host}=env:NOT_SET_ANYWHERE")
    with pytest.raises(ConfigError, match="SECRET_MISSING") as caught:
        git.resolve(f"https://{server.host}/private.git", "main", home, log=None)
    assert "NOT_SET_ANYWHERE" in str(caught.value)


def test_git_lfs_would_get_the_same_login(server: GitServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What git-lfs asks is `git credential fill`: it must answer for the host, and for no other."""
    monkeypatch.setenv("GIT_TOKEN_OF_OURS", TOKEN)
    monkeypatch.setenv("SLUICE_GIT_CREDENTIALS", f"{server.host}=env:GIT_TOKEN_OF_OURS")
    variables = git_credentials.find(git_credentials.Location(f"https://{server.host}/private.git"))
    ask = "protocol=https\nhost={}\n\n"
    answer = git_command.git(["credential", "fill"], cwd=Path("/"), env=variables, stdin=ask.format(server.host))
    assert f"password={TOKEN}" in answer.output
    other = git_command.git(
        ["credential", "fill"], cwd=Path("/"), env=variables, stdin=ask.format("other.example"), accept=None
    )
    assert other.exit_code != 0
    assert TOKEN not in other.output
    assert TOKEN not in os.environ.get("GIT_CONFIG_VALUE_0", "")

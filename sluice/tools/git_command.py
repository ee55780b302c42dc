"""The one way in which git is started: an environment of our own, a configuration of our own, no prompt, no hook."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from sluice import command
from sluice.command import Completed, LineSink
from sluice.disk import disk_full, has_no_room, says_full
from sluice.errors import InfrastructureError
from sluice.tools import programs
from sluice.tools.meter import count

CONFIGURATION = Path(__file__).with_name("git.config")
SECONDS = 300.0  # a local command; fetches get their own limit
_HANDED_ON = (  # where the machine's certificates, proxies and ssh agent are
    "PATH", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
)  # fmt: skip


class GitError(InfrastructureError):
    """Git failed for a reason that is none of the known ones."""

    code = "GIT_FAILED"


@lru_cache(maxsize=1)
def program() -> Path:
    """Return the git that is used; ToolMissingError when there is none."""
    return programs.find("git")


def version(cache: Path) -> str:
    """Return git's version (`2.39.5`), remembered in `cache`."""
    return programs.version(program(), ["--version"], cache)


def environment(protocols: str = "") -> dict[str, str]:
    """Return the whole environment of git.

    Args:
        protocols: transports that this call may use (`https:ssh`, `file`); none when empty.
    """
    kept = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    return {
        **kept,
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(CONFIGURATION),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_ALLOW_PROTOCOL": protocols or "none",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20",
    }


def git(
    words: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    accept: Sequence[int] | None = (0,),
    log: LineSink | None = None,
    stdin: str | None = None,
    timeout: float = SECONDS,
) -> Completed:
    """Run git in `cwd`.

    Args:
        env: more variables than :func:`environment` has.
        accept: exit codes that are no error; None accepts all.
        log: gets the command and what it prints; leave it out where the output is data.

    Raises:
        GitError: another exit code; git's last lines are the next step.
    """
    variables = {**environment(), **(env or {})}
    run = [program(), *words]
    done = count("git", command.run(run, cwd=cwd, env=variables, accept=None, log=log, stdin=stdin, timeout=timeout))
    if done.truncated:
        raise GitError(f"git {words[0]} printed more than can be kept", code="CHECKOUT_LIMIT")
    if done.timed_out or (accept is not None and done.exit_code not in accept):
        raise failure(done, f"git {words[0]}", cwd)
    return done


def failure(done: Completed, what: str, where: Path) -> InfrastructureError:
    """Return the error for a git that ended badly in `where`; what git said is in it."""
    if says_full(done.errors) or ("unable to write" in done.errors and has_no_room(where)):
        return disk_full(where)
    said = done.tail(6)
    why = "did not end in time" if done.timed_out else f"ended with exit code {done.exit_code}"
    return GitError(f"{what} {why}", next_step=f"Git said:\n{said}")


def text(words: Sequence[str | Path], *, cwd: Path) -> str:
    """Return what a git command prints, without the last line end."""
    return git(words, cwd=cwd).output.rstrip("\n")


def fields(words: Sequence[str | Path], *, cwd: Path) -> list[str]:
    """Return the parts of output that NUL separates."""
    output = git(words, cwd=cwd).output
    return output.removesuffix("\0").split("\0") if output else []

"""uv: environments, locks and wheels. It never downloads a Python, and its cache lies in Sluice's own home."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sluice import command
from sluice.command import Completed, LineSink
from sluice.disk import disk_full, says_full
from sluice.errors import BuildFailedError, SluiceError, TransientError
from sluice.settings import Home
from sluice.tools import programs
from sluice.tools.meter import count

SECONDS = 900.0
TAIL_LINES = 25
_DROPPED = re.compile(  # what would change a result, and what is nobody's business but ours
    r"^(?:VIRTUAL_ENV|CONDA_|PYTHON|PREFECT_|SLUICE_|UV_PROJECT|UV_EXCLUDE_NEWER|SOURCE_DATE_EPOCH|GIT_(?!SSL))"
)
_NETWORK = re.compile(
    r"error sending request|Failed to fetch|dns error|Connection (?:refused|reset)|operation timed out|"
    r"status client error \(429|status server error|tls handshake|Name or service not known|name resolution",
    re.I,
)
_OFFLINE = re.compile(  # a resolution without the network sees the cache and `find-links`, not what the index has
    r"network (?:was|is|connectivity is) disabled|not found in the cache|--offline|offline mode|No solution found", re.I
)


@dataclass(frozen=True)
class Uv:
    """How uv is called.

    Attributes:
        cwd: the project, whose own uv settings count.
        cache: uv's cache.
        log: gets uv's output.
        error: what a refusal of uv becomes; its code and next step say whose turn it is.
        timeout: seconds for one call.
    """

    cwd: Path
    cache: Path
    log: LineSink
    error: type[SluiceError] = BuildFailedError
    timeout: float = SECONDS

    def run(self, words: Sequence[str | Path], doing: str, *, stdin: str | None = None, **more: str) -> Completed:
        """Run uv.

        Args:
            doing: what it is for, in the error ("resolve the dependencies").
            more: variables of its environment.

        Raises:
            TransientError: the network or the package index failed.
            SluiceError: `error`, with the last lines: uv refuses what the project declares.
        """
        done = self._run(words, stdin, more)
        if done.exit_code == 0 and not done.timed_out:
            return done
        raise self._failure(done, doing)

    def cached_first(self, words: Sequence[str | Path], doing: str, *, stdin: str | None = None, **more: str) -> None:
        """Run uv without the network, and with it only when something is not in the cache yet."""
        done = self._run([*words, "--offline"], stdin, more)
        if done.exit_code == 0 and not done.timed_out:
            return
        if not _OFFLINE.search(done.tail(200)):
            raise self._failure(done, doing)
        self.log("not everything is in the cache; again with the network")
        self.run(words, doing, stdin=stdin, **more)

    def _run(self, words: Sequence[str | Path], stdin: str | None, more: dict[str, str]) -> Completed:
        own = self.cache / "tmp"  # a build of setuptools leaves a file beside its temporary ones for ever
        own.mkdir(parents=True, exist_ok=True)
        environment = {**uv_environment(self.cache), "TMPDIR": str(own), **more}
        run = [program(), *words]
        done = command.run(
            run, cwd=self.cwd, env=environment, log=self.log, stdin=stdin, timeout=self.timeout, accept=None, grace=2.0
        )
        return count("uv", done)

    def _failure(self, done: Completed, doing: str) -> SluiceError:
        tail = done.tail(TAIL_LINES)
        if done.timed_out:
            why = f"cannot {doing} within {self.timeout:g} s"
            return self.error(why, code="TIMED_OUT", next_step=f"Its last lines:\n{tail}")
        if says_full(tail):
            return disk_full(self.cache)
        if _NETWORK.search(tail):
            return TransientError(f"cannot {doing}: the network or the package index failed", next_step=tail)
        return self.error(f"cannot {doing}", next_step=f"{self.error.next_step}\n{tail}".lstrip())


def program() -> Path:
    """Return the uv that Sluice uses."""
    return programs.find("uv")


def version(cache: Path) -> str:
    """Return uv's version, remembered in `cache`."""
    return programs.version(program(), ["--version"], cache)


def uv_cache(home: Home) -> Path:
    """Return uv's own cache, on the same disk as what is installed from it, so that it can link."""
    return home.cache / "uv"


def uv_environment(cache: Path) -> dict[str, str]:
    """Return our environment without what would change uv's mind; its cache in `cache` unless UV_CACHE_DIR is set."""
    kept = {name: value for name, value in os.environ.items() if not _DROPPED.match(name)}
    kept.setdefault("UV_CACHE_DIR", str(cache))
    fixed = {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never", "LANG": "C.UTF-8", "NO_COLOR": "1"}
    return {**kept, **fixed}


def create_venv(uv: Uv, path: Path, python: str) -> Path:
    """Make an environment that may be moved; return its Python.

    Args:
        python: path of an interpreter of this machine.
    """
    words: list[str | Path] = ["venv", "--quiet", "--relocatable", "--no-project", "--python", python, path]
    uv.run(words, "make an environment")
    return path / "bin" / "python"


def pip_install(uv: Uv, python: Path, words: Sequence[str | Path], doing: str) -> None:
    """Install into the environment that `python` belongs to, from the cache when everything is there."""
    uv.cached_first(["pip", "install", "--quiet", "--python", python, *words], doing)


def compile_lock(uv: Uv, words: Sequence[str | Path], python: str, *, stdin: str | None = None) -> str:
    """Resolve requirements to exact versions with hashes; no index is named in the result.

    Args:
        words: files and options of `uv pip compile`; `-` reads `stdin`.
        python: path of the interpreter that they are for.
    """
    options = ["--quiet", "--no-header", "--no-annotate", "--generate-hashes", "--no-strip-extras", "--python", python]
    done = uv.run(["pip", "compile", *options, *words], "resolve the dependencies", stdin=stdin)
    return done.output


def try_install(uv: Uv, requirements: Path, target: Path, python: str, triple: str) -> None:
    """Ask whether hashed requirements could be installed on another platform; nothing is installed.

    Args:
        python: minor version, `3.11`.
        triple: the platform in uv's words, e.g. `aarch64-unknown-linux-gnu`.

    Raises:
        SluiceError: `uv.error`: one of them has no file that fits.
    """
    words: list[str | Path] = ["pip", "install", "--dry-run", "--quiet", "--no-deps", "--target", target]
    words += ["--python-version", python, "--python-platform", triple, "-r", requirements]
    uv.cached_first(words, f"install the lock on {triple}")


def build_wheel(uv: Uv, source: Path, out: Path, python: str, constraints: Path | None, epoch: int) -> Path:
    """Build the wheel of a project and return it.

    Args:
        constraints: exact versions of what the build needs.
        epoch: SOURCE_DATE_EPOCH, seconds.

    Raises:
        SluiceError: `uv.error`: the project does not build.
    """
    words: list[str | Path] = ["build", "--wheel", "--no-progress", "--python", python, "--out-dir", out, source]
    words += ["--build-constraints", constraints] if constraints is not None else []
    more = {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC", "PYTHONHASHSEED": "0"}
    doing = f"build the wheel of {source.name}" if source != uv.cwd else "build the wheel"
    before = set(out.glob("*.whl"))
    uv.cached_first(words, doing, **more)
    made = set(out.glob("*.whl")) - before
    if len(made) != 1:
        raise uv.error(f"cannot {doing}: the backend made {len(made)} wheels", next_step=uv.error.next_step)
    return made.pop()

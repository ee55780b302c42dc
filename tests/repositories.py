"""Real git repositories for tests, each command of the outside world done by git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from sluice.artifacts import ArtifactStore
from sluice.records.checkout import CheckoutRequest
from sluice.records.common import SourceRef, StageContext
from sluice.settings import Home
from sluice.states import StageName
from sluice.tools import git

DATE = "2026-03-01T12:00:00+00:00"


class Repository:
    """A working copy in `path`; its commits have fixed authors and dates."""

    def __init__(self, path: Path, *, init: bool = True, branch: str = "main") -> None:
        self.path = path
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
            "GIT_AUTHOR_DATE": DATE,
            "GIT_COMMITTER_DATE": DATE,
        }
        if init:
            path.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", f"--initial-branch={branch}")

    def git(self, *words: str, stdin: bytes | None = None) -> str:
        """Run git here and return what it prints."""
        done = subprocess.run(
            ["git", *words], cwd=self.path, env=self.environment, input=stdin, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode(errors="surrogateescape").strip()

    def write(self, files: dict[str, str | bytes]) -> None:
        """Write files, folders made."""
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: dict[str, str | bytes] | None = None, message: str = "Change", *words: str) -> str:
        """Write files, commit everything, return the commit."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message, *words)
        return self.head

    @property
    def head(self) -> str:
        """Return the commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    @property
    def tree(self) -> str:
        """Return its tree."""
        return self.git("rev-parse", "HEAD^{tree}")


def context(home: Home, stage: StageName, run_id: str = "11111111-2222-3333-4444-555555555555") -> StageContext:
    """Return where a stage of a test run works."""
    return StageContext(run_id=run_id, project="greeter", stage=stage, home=str(home.root))


def request(repository: Repository, home: Home, ref: str = "HEAD", **more: object) -> CheckoutRequest:
    """Resolve a ref for real and return the request to check it out."""
    resolved = git.resolve(str(repository.path), ref, home, log=None)
    return CheckoutRequest.model_validate({"resolved": resolved, **more})


def source(repository: Repository, home: Home, ref: str = "HEAD", **more: object) -> SourceRef:
    """Resolve a ref for real and return its source."""
    resolved = git.resolve(str(repository.path), ref, home, log=None)
    commit = git.read_commit(Path(resolved.mirror), resolved.commit)
    known = {"mirror": resolved.mirror, "commit": commit.commit, "tree": commit.tree}
    return SourceRef.model_validate({**known, "committed_at": commit.committed_at, **more})


def artifacts(home: Home) -> ArtifactStore:
    """Return the artifact store of a home."""
    return ArtifactStore(home.artifacts)

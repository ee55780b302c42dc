"""Real parts for the tests of scan: a repository with planted problems, a release of it, a vulnerability database."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sluice.artifacts import ArtifactStore
from sluice.config.model import ScanConfig
from sluice.records.build import Release
from sluice.records.common import SourceRef, StageContext
from sluice.records.scan import Finding, FindingKind, ScanRecord, ScanRequest
from sluice.settings import Home
from sluice.stages.scan import scan
from sluice.stages.workplace import open_workplace
from sluice.states import StageName

FIXTURE = Path(__file__).parent / "fixtures/trivy-db"
# Planted: made up, and put together here so that this file holds none.
AWS_KEY = "AKIA" + "Q3EGRZWBLX6PTN2D"
TOKEN = "ghp_" + "016C7e9c1dF3bA5e2D4f6a8B0c1D2e3F4a5b"


def git(repository: Path, *words: str) -> str:
    """Run git on a test's repository and return what it prints."""
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(["git", "-C", repository, *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(repository: Path, files: Mapping[str, str] | Mapping[str, str | bytes]) -> SourceRef:
    """Make the repository hold exactly `files` in a new commit, and return it as an accepted source."""
    if not repository.exists():
        repository.mkdir(parents=True)
        git(repository, "init", "--quiet", "--initial-branch=main")
    for path in repository.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    git(repository, "add", "--all", "--force")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "Change")
    return SourceRef(
        mirror=str(repository / ".git"),
        commit=git(repository, "rev-parse", "HEAD"),
        tree=git(repository, "rev-parse", "HEAD^{tree}"),
        committed_at=datetime.now(UTC),
    )


def release_of(home: Home, files: Mapping[str, str], tmp: Path) -> Release:
    """Pack `files` as a release bundle into the artifact store."""
    folder, archive = tmp / "bundle", tmp / "bundle.tar.gz"
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    folder.mkdir(exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, ".")
    artifact = ArtifactStore(home.make().artifacts).put_file(archive, "bundle.tar.gz")
    return Release(
        digest=f"sha256:{artifact.sha256}",
        kind="bundle",
        project="greeter",
        version="1.0",
        commit="c" * 40,
        artifact=artifact,
    )


def database(folder: Path, age_days: float = 0.0) -> Path:
    """Unpack the vulnerability database, made to be this old."""
    folder.mkdir(parents=True)
    with gzip.open(FIXTURE / "trivy.db.gz") as packed, (folder / "trivy.db").open("wb") as file:
        shutil.copyfileobj(packed, file)
    metadata = json.loads((FIXTURE / "metadata.json").read_text())
    updated = datetime.now(UTC) - timedelta(days=age_days)
    (folder / "metadata.json").write_text(json.dumps(metadata | {"UpdatedAt": updated.isoformat()}))
    return folder


class Bench:
    """Scans trees of files, one after the other, in a state directory of its own."""

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.home = Home(tmp / "home").make()
        self.context = StageContext(run_id="run-1", project="greeter", stage=StageName.SCAN, home=str(self.home.root))

    def request(
        self, files: Mapping[str, str], config: ScanConfig | None = None, release: Mapping[str, str] | None = None
    ) -> ScanRequest:
        """Return the request to scan a commit of `files` and a release of it (of other files when given)."""
        source = commit(self.tmp / "repository", files)
        packed = release_of(self.home, files if release is None else release, self.tmp)
        return ScanRequest(source=source, release=packed, config=config or ScanConfig())

    def scan(
        self, files: Mapping[str, str], config: ScanConfig | None = None, release: Mapping[str, str] | None = None
    ) -> ScanRecord:
        """Scan a commit of `files`."""
        return self.run(self.request(files, config, release))

    def run(self, request: ScanRequest) -> ScanRecord:
        """Scan what is asked for."""
        with open_workplace(self.context) as place:
            return scan(request, place)

    @property
    def log(self) -> str:
        """The stage's log."""
        return (self.home.run_logs("run-1") / "scan.log").read_text()


def of_kind(record: ScanRecord, kind: FindingKind) -> list[Finding]:
    """Return the findings of one kind."""
    return [finding for finding in record.findings if finding.kind is kind]

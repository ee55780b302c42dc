"""Vulnerability data from an OCI repository: fetched when due, kept when the repository is gone, with its true age."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sluice.config.model import ScanConfig
from sluice.stages.scan import inputs
from tests.scan_parts import Bench, database
from tests.serving import serving

FILES = {"requirements.txt": "flask==0.12\n"}
ONLY_TRIVY = ScanConfig(scanners=("trivy",))
LAYER = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@contextmanager
def registry(data: Path) -> Iterator[str]:
    """Serve a directory with trivy.db and metadata.json as the OCI artifact `trivy-db:2`; give its repository."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in ("trivy.db", "metadata.json"):
            tar.add(data / name, name)
    layer, config = packed.getvalue(), b"{}"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.aquasec.trivy.config.v1+json",
                "digest": digest(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": LAYER,
                    "digest": digest(layer),
                    "size": len(layer),
                    "annotations": {"org.opencontainers.image.title": "db.tar.gz"},
                }
            ],
        }
    ).encode()
    blobs = {digest(config): config, digest(layer): layer, digest(manifest): manifest, "2": manifest}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/v2/":
                return self.reply(b"{}", "application/json")
            body = blobs.get(self.path.rsplit("/", 1)[-1])
            kind = "application/vnd.oci.image.manifest.v1+json" if "/manifests/" in self.path else LAYER
            return self.reply(body, kind)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def reply(self, body: bytes | None, kind: str) -> None:
            self.send_response(404 if body is None else 200)
            body = body or b""
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"127.0.0.1:{server.server_port}/trivy-db:2"


def due(folder: Path) -> None:
    """Make the copy in a cache one that should be renewed."""
    file = folder / "metadata.json"
    past = (datetime.now(UTC) - timedelta(hours=2)).isoformat()  # Trivy asks once an hour at most
    file.write_text(json.dumps(json.loads(file.read_text()) | {"NextUpdate": past, "DownloadedAt": past}))


def test_it_is_fetched_used_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path)
    with registry(database(tmp_path / "data", age_days=2)) as repository:
        monkeypatch.setenv("SLUICE_TRIVY_DB", repository)
        request = bench.request(FILES, ONLY_TRIVY)
        before = inputs(request, bench.context)
        first = bench.run(request)
    assert "CVE-2018-1000656" in {finding.rule for finding in first.findings}
    assert first.vulnerabilities_scanned
    (trivy,) = first.scanners
    assert trivy.database_updated_at is not None
    assert timedelta(days=1.9) < datetime.now(UTC) - trivy.database_updated_at < timedelta(days=2.1)
    after = inputs(request, bench.context)
    assert (before["database due"], after["database due"]) == (str(datetime.now(UTC).date()), "")

    again = bench.run(request)  # the repository is gone, the copy is not due
    assert [finding.fingerprint for finding in again.findings] == [finding.fingerprint for finding in first.findings]

    (folder,) = (bench.home.cache / "trivy").glob("*/db")
    due(folder)
    late = bench.run(request)  # due, and nobody there: the copy is used, with its own age
    assert late.vulnerabilities_scanned
    assert late.scanners[0].database_updated_at == trivy.database_updated_at
    assert "the vulnerability data was not fetched" in bench.log


def test_a_due_copy_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path)
    data = database(tmp_path / "data", age_days=9)
    with registry(data) as repository:
        monkeypatch.setenv("SLUICE_TRIVY_DB", repository)
        request = bench.request(FILES, ONLY_TRIVY)
        old = bench.run(request)
        (folder,) = (bench.home.cache / "trivy").glob("*/db")
        due(folder)
        (folder / "trivy.db").chmod(0o644)
        (folder / "trivy.db").write_bytes(b"junk")
        new = bench.run(request)
    assert new.passed is old.passed is False
    assert [finding.rule for finding in new.findings] == [finding.rule for finding in old.findings]

"""A service of forty lines with a test of its own, made to be broken in every way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.repositories import Repository

APP = """\
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BROKEN = ""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if BROKEN == "health":
            status, body = 503, {}
        elif BROKEN == "answers" and self.path == "/" or BROKEN == "users" and self.path == "/users":
            status, body = 500, {}
        else:
            status, body = 200, {"commit": os.environ.get("SLUICE_COMMIT", ""), "path": self.path}
        if BROKEN == "slow" and self.path == "/":
            time.sleep(30)
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
CHECK = """\
import os
import sys
import time

RED = False
SECONDS = 0

with open(os.environ["MARKER"], "a") as marker:
    marker.write(f"{os.getpid()}\\n")
time.sleep(SECONDS)
failure = "<failure message='it is red'>as ordered</failure>" if RED else ""
with open("report.xml", "w") as report:
    report.write(
        "<testsuite name='check' tests='2' failures='%d' errors='0' skipped='0'>"
        "<testcase classname='check' name='app' time='0.001'/>"
        "<testcase classname='check' name='words' time='0.001'>%s</testcase></testsuite>" % (RED, failure)
    )
sys.exit(1 if RED else 0)
"""


class Clerk:
    """Its repository. Each is a project of its own, whose name begins with `kind`, with environments of its own."""

    def __init__(self, path: Path, kind: str, **sections: Any) -> None:
        name = self.name = f"{kind}-{uuid4().hex[:6]}"
        self.marker = path.parent / f"{name}.tests"
        self.repository = Repository(path / name)
        self.sections: dict[str, Any] = {
            "project": name,
            "test": {
                "frameworks": ["command"],
                "command": ["python3", "check.py"],
                "report": "report.xml",
                "env": {"MARKER": str(self.marker)},
            },
            "scan": {"scanners": ["bandit", "trivy"]},
            "service": {
                "command": ["python3", "app.py"],
                "start_timeout": "20s",
                "drain_timeout": "1s",
                "stop_timeout": "2s",
            },
            "smoke": {"checks": [{"path": "/"}], "version": {"path": "/version"}, "timeout": "40s"},
            "environments": {"staging": {}},
            "deploy": [{"branch": "main", "to": "staging"}],
            "unaffected_by": ["README.md"],
        }
        self.sections |= sections

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.repository.path

    def commit(self, message: str = "Change", broken: str = "", **changes: Any) -> str:
        """Write the service anew, commit it, return the commit.

        Args:
            broken: `health`, `answers`, `users` (which no smoke check asks for) or `slow`: how the service misbehaves.
            changes: `red`, `seconds` of the tests; `files`; any section of sluice.yaml.
        """
        check = CHECK.replace("RED = False", f"RED = {changes.pop('red', False)}")
        check = check.replace("SECONDS = 0", f"SECONDS = {changes.pop('seconds', 0)}")
        files = changes.pop("files", {})
        sections = {name: value for name, value in {**self.sections, **changes}.items() if value is not None}
        known = {
            "app.py": APP.replace('BROKEN = ""', f'BROKEN = "{broken}"  # {message}'),
            "check.py": check,
            "README.md": "A clerk.\n",
            "sluice.yaml": json.dumps(sections, indent=2),  # which is YAML
        }
        return self.repository.commit(known | files, message)

    def test(self, **changes: Any) -> dict[str, Any]:
        """Return its test section with some changes."""
        return {**self.sections["test"], **changes}

    @property
    def tested(self) -> int:
        """How often its tests were started."""
        return len(self.marker.read_text().splitlines()) if self.marker.exists() else 0

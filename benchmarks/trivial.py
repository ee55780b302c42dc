"""A repository whose seven stages have next to nothing to do: what a run of it takes is Sluice's own."""

from __future__ import annotations

import os
from pathlib import Path

from sluice import command

FILES = {
    "sluice.yaml": """\
project: trivial
test:
  frameworks: [command]
  command: [sh, test.sh]
  report: junit.xml
service:
  command: [python3, -I, -S, service.py]
  drain_timeout: 1s
  stop_timeout: 2s
smoke:
  checks:
    - {name: answers, path: /, contains: good}
environments:
  staging: {replicas: 1, memory: 256Mi}
deploy:
  - {branch: main, to: staging}
""",
    "test.sh": """\
printf '<testsuite tests="1"><testcase classname="t" name="one" time="0.001"/></testsuite>' > junit.xml
""",
    "service.py": '''\
"""The smallest service: any request is answered with the text of answer.txt."""

import os
import socketserver

with open("answer.txt", "rb") as file:
    TEXT = file.read()
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n"


class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(HEAD % len(TEXT) + TEXT)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
''',
}
NAME = ("-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.org", "-c", "commit.gpgsign=false")


class Repository:
    """The repository; each commit gives the service another answer, `good` or `bad`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits = 0
        path.mkdir(parents=True)
        for name, text in FILES.items():
            (path / name).write_text(text)
        self._git("init", "--quiet", "--initial-branch", "main")
        self._git("remote", "add", "origin", "git@127.0.0.1:nobody/trivial.git")  # gitlab-ci-local asks for one

    def commit(self, answer: str) -> None:
        """Commit a service that answers `answer`; the smoke test takes `good` only."""
        self._commits += 1
        (self.path / "answer.txt").write_text(f"{answer} {self._commits}\n")
        self._git("add", "--all")
        self._git(*NAME, "commit", "--quiet", "--message", f"Answer {answer} {self._commits}")

    def write(self, files: dict[str, str]) -> None:
        """Write files that peers need; they are committed with the next answer."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def _git(self, *words: str) -> None:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
        command.run(["git", *words], cwd=self.path, env=environment, timeout=60)

"""Programs that burn the processor and belong to nobody here: as a release does, and as strangers do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluice.process_tree import end_tree

MANY = 8 * (os.cpu_count() or 1)
BURN = """
import os, sys, time
def burn(many):
    for _ in range(many):
        if os.fork() == 0:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                sum(range(9999))
            os._exit(0)
"""
STRANGER = f"{BURN}\nburn({MANY})\ntime.sleep(60)"
SERVICE = f"""{BURN}
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    lit = False
    def do_GET(self):
        if {{burns}} and not Handler.lit:
            Handler.lit = True
            burn({MANY})
        if self.path == "/":
            time.sleep(0.5)
        body = b'{{{{"status": "ok"}}}}'
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", len(body))):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextmanager
def orphan(code: str, output: Path = Path(os.devnull)) -> Iterator[int]:
    """Run a program of Python that is no child of this process; give its pid, and end it with all that it started."""
    start = 'setsid "$@" >"$OUTPUT" 2>&1 & echo $!'
    words = ["sh", "-c", start, "sh", sys.executable, "-c", code]
    done = subprocess.run(words, env={**os.environ, "OUTPUT": str(output)}, capture_output=True, check=True, text=True)
    pid = int(done.stdout)
    try:
        yield pid
    finally:
        end_tree(pid, grace=0.2)


@contextmanager
def strangers() -> Iterator[None]:
    """Keep every processor busy meanwhile."""
    with orphan(STRANGER):
        yield


@contextmanager
def slow_service(folder: Path, *, burns: bool) -> Iterator[tuple[str, int]]:
    """Serve with half a second a request, which `burns` the processors from the first one on; give address and pid."""
    output = folder / "port"
    with orphan(SERVICE.format(burns=burns), output) as pid:
        while not output.is_file() or not output.read_text().endswith("\n"):
            os.kill(pid, 0)
            os.sched_yield()
        yield f"http://127.0.0.1:{int(output.read_text())}", pid

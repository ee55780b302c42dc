"""The HTTP server: HTTP/1.1, a thread a connection, and an end that finishes what was begun."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from greeter.answers import answer

LOOPBACK = "127.0.0.1"
IDLE_SECONDS = 150.0  # longer than proxies keep idle connections, so that it is the proxy who closes them


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    protocol_version = "HTTP/1.1"
    server_version = "greeter"
    timeout = IDLE_SECONDS
    wbufsize = 65536  # header and body in one write; two writes cost 40 ms each by delayed acknowledgement
    server: Server

    def do_GET(self) -> None:
        """Answer with the body."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        with self.server.request():
            made = answer(self.path, self.headers.get("Accept", ""), os.environ)
            self.send_response(made.status)
            self.send_header("Content-Type", made.content_type)
            self.send_header("Content-Length", str(len(made.body)))
            self.send_header("Cache-Control", "no-store")
            if self.server.stopping:
                self.send_header("Connection", "close")
            self.end_headers()
            if body:
                self.wfile.write(made.body)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log only what went wrong; `sluice` keeps the rest."""
        if len(args) > 1 and str(args[1]).startswith("5"):
            super().log_message(format, *args)


class Server(ThreadingHTTPServer):
    """Counts open requests, so that stopping can wait for them."""

    daemon_threads = True  # idle connections do not hold the end up; open requests do, by the count
    request_queue_size = 128

    def __init__(self, port: int, host: str = LOOPBACK) -> None:
        super().__init__((host, port), Handler)
        self.stopping = False
        self._open = 0
        self._changed = threading.Condition()

    def request(self) -> _Open:
        """Return a context in which one request is open."""
        return _Open(self)

    def count(self, change: int) -> None:
        """Add to the number of open requests."""
        with self._changed:
            self._open += change
            self._changed.notify_all()

    def stop(self, seconds: float = 10.0) -> bool:
        """Take no more connections, wait for open requests; tell whether all were finished in `seconds`."""
        self.stopping = True
        self.shutdown()
        with self._changed:
            finished = self._changed.wait_for(lambda: self._open == 0, timeout=seconds)
        self.server_close()
        return finished

    def server_bind(self) -> None:
        """Bind without asking a name server what this host is called."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]


class _Open:
    def __init__(self, server: Server) -> None:
        self._server = server

    def __enter__(self) -> None:
        self._server.count(1)

    def __exit__(self, *_: object) -> None:
        self._server.count(-1)


def main() -> None:
    """Serve at PORT until TERM or INT; on 127.0.0.1, or on HOST (a container needs 0.0.0.0)."""
    text = os.environ.get("PORT", "8000")
    if not text.isdecimal() or int(text) > 65535:
        sys.exit(f"greeter: PORT is {text!r}, which is no port")
    server = Server(int(text), os.environ.get("HOST", LOOPBACK))

    def stop(_number: int, _frame: object) -> None:
        threading.Thread(target=server.shutdown).start()  # shutdown() waits for the loop that this interrupts

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"greeter listens on http://{server.server_name}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.05)
    sys.exit(0 if server.stop() else 1)

"""The warm process: has Prefect, Great Expectations and the flows in memory, and forks a child for each flow run.

It starts no thread and opens no connection, so that its children are whole copies. A child is what its launcher
asked for: its environment, folder, standard streams and exit code. What a child leaves behind comes to us (we are
the reaper of our descendants) and is ended.

SIGHUP: load the code again, in place: the children live on. SIGTERM: end the children, then end.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path

from sluice.services.fingerprint import fingerprint
from sluice.services.warm_child import become, settle
from sluice.services.warm_door import HANDOVER, hand_over, listen, receive, take_over
from sluice.services.warm_load import preload
from sluice.services.warm_processes import Child, adopt_orphans, end_leftovers, end_strays
from sluice.services.warm_settings import Sources, sources

RECONCILE_SECONDS = 10.0
RECONCILE_LIMIT = 60.0
END_GRACE = 30.0  # seconds between TERM and KILL of a child
TICK = 0.25


class Warm:
    """The loop: takes requests, forks, hands signals on, tells exit codes."""

    def __init__(
        self, path: Path, listener: socket.socket, children: dict[int, Child], loaded: str, read: Sources
    ) -> None:
        self.path = path
        self.read = read
        self.listener = listener
        self.children = children
        self.loaded = loaded
        self.ending = False
        self.reload = False
        self.reconciler: int | None = None
        self.reconciled_at = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ)
        for child in children.values():
            if child.connection is not None:
                self.selector.register(child.connection, selectors.EVENT_READ, child)
        self._wake, wake = socket.socketpair()
        for end in (self._wake, wake):
            end.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._keep = wake
        self.selector.register(self._wake, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes the loop
        signal.signal(signal.SIGTERM, lambda *_: self._end())
        signal.signal(signal.SIGINT, lambda *_: self._end())
        signal.signal(signal.SIGHUP, lambda *_: setattr(self, "reload", True))

    def run(self) -> None:
        """Serve until told to end."""
        while not (self.ending and not self.children):
            for key, _ in self.selector.select(TICK if self.ending else 1.0):
                if key.fileobj is self.listener:
                    self._accept()
                elif key.fileobj is self._wake:
                    self._wake.recv(4096)
                elif isinstance(key.data, Child):
                    self._hear(key.data)
            self._reap()
            self._press()
            self._reconcile()
            if self.reload and not self.ending:
                self._load_again()

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        connection.settimeout(10)
        try:
            request, streams = receive(connection)
        except (OSError, ValueError, EOFError):
            connection.close()
            return
        if request.get("code", self.loaded) != self.loaded:
            connection.close()  # whoever asks has other code than we
            for stream in streams:
                os.close(stream)
            return
        if "words" not in request:
            with contextlib.suppress(OSError):  # whoever asked has lost patience
                connection.sendall(json.dumps(self._state()).encode() + b"\n")
            connection.close()
            return
        self._fork(connection, request, streams)
        for stream in streams:
            os.close(stream)

    def _state(self) -> dict[str, object]:
        return {"pid": os.getpid(), "code": self.loaded, "children": len(self.children)}

    def _fork(self, connection: socket.socket, request: dict[str, object], streams: list[int]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._forget_all(connection)
            become(request, streams, parent, self.path, self.read)
        child = Child(pid=pid, connection=connection, interactive=bool(request.get("interactive")))
        self.children[pid] = child
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ, child)
        child.tell({"pid": pid})

    def _forget_all(self, connection: socket.socket) -> None:
        """In the child: let go of everything that is the parent's."""
        signal.set_wakeup_fd(-1)
        for child in self.children.values():
            if child.connection is not None:
                child.connection.close()
        for end in (connection, self.listener, self._wake, self._keep):
            end.close()
        self.selector.close()

    def _hear(self, child: Child) -> None:
        """A byte is a signal to hand on; the end of the stream means that the launcher died."""
        assert child.connection is not None
        try:
            heard = child.connection.recv(64)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if not heard:
            self._hang_up(child)
            child.end(signal.SIGTERM)
            return
        for number in heard:
            child.hear(signal.Signals(number))

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.reconciler:
                self.reconciler = None
            child = self.children.pop(pid, None)
            if child is not None:
                self._bury(child, os.waitstatus_to_exitcode(status))

    def _bury(self, child: Child, code_: int) -> None:
        if child.interactive:
            child.tell({"exit": code_})  # a person waits; a run has ended only when nothing of it is left
        end_leftovers(spare={*self.children, self.reconciler or 0})
        if not child.interactive:
            child.tell({"exit": code_})
        self._hang_up(child)

    def _hang_up(self, child: Child) -> None:
        if child.connection is not None:
            self.selector.unregister(child.connection)
            child.connection.close()
            child.connection = None

    def _press(self) -> None:
        """KILL what was told to end and did not."""
        for child in self.children.values():
            if child.told_at is not None and time.monotonic() - child.told_at > END_GRACE:
                child.kill()
        if self.reconciler is not None and time.monotonic() - self.reconciled_at > RECONCILE_LIMIT:
            os.kill(self.reconciler, signal.SIGKILL)

    def _end(self) -> None:
        self.ending = True
        for child in self.children.values():
            child.end(signal.SIGTERM)

    def _reconcile(self) -> None:
        """Settle dead runs in a short-lived child: it needs connections, which the parent must not have."""
        if self.ending or self.reconciler is not None or time.monotonic() - self.reconciled_at < RECONCILE_SECONDS:
            return
        self.reconciled_at = time.monotonic()
        pid = os.fork()
        if pid:
            self.reconciler = pid
            return
        settle()

    def _load_again(self) -> None:
        """Become a new interpreter with the same process id, hence the same children."""
        handed = hand_over(self.listener, self.children)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # another one while it loads would end us
        environment = {**os.environ, HANDOVER: handed}
        os.execve(sys.executable, [sys.executable, "-m", "sluice.services.warm"], environment)  # noqa: S606


def main() -> None:
    """Load everything, then serve."""
    path = Path(os.environ["SLUICE_WARM_SOCKET"])
    loaded = fingerprint()  # before the imports: a change during them counts as one
    adopt_orphans()
    handed = take_over()
    read = sources()  # before the imports, too
    preload()
    if handed is None:
        end_strays(str(path))
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        sys.stderr.write(f"{threads} threads after loading: children may hang\n")
    gc.collect()
    gc.freeze()
    listener, children = handed or (listen(path), {})
    sys.stderr.write(f"warm: {len(sys.modules)} modules\n")
    sys.stderr.flush()
    Warm(path, listener, children, loaded, read).run()


if __name__ == "__main__":
    main()

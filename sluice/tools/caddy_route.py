"""A route: a port on 127.0.0.1 in front of the replicas of a release.

Which addresses the requests go to is in small files that Caddy reads at each request, so that changing them is one
rename of a symbolic link.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

SLOTS = 12  # upstreams of a route, shared evenly by 1, 2, 3, 4, 6 and 12 replicas
TRY_SECONDS = 5.0  # how long a user's request looks for a replica that takes it
SHORT_TRY_SECONDS = 0.2  # where a broken answer is the answer (a smoke test's), or another release answers in its place
ASIDE, SHARE = "aside", "share"  # of a route's folder: the upstreams for a share of the requests, and that share
# The upstreams again, who answers what they fail, and whether so.
WATCHED, STANDBY, MARK, YES = "watched", "standby", "mark", "yes"


@dataclass(frozen=True)
class Route:
    """One address in front of the replicas of a release.

    Attributes:
        name: name of the server in Caddy's configuration; unique.
        port: port on 127.0.0.1 that it listens on.
        folder: where the addresses of its upstreams are; `current` in it is what counts.
        try_seconds: how long a request is sent again after a replica broke it off.
    """

    name: str
    port: int
    folder: Path
    try_seconds: float = TRY_SECONDS

    @property
    def address(self) -> str:
        """URL of the route."""
        return f"http://127.0.0.1:{self.port}"

    def point(
        self, upstreams: Sequence[str], aside: Sequence[str] = (), percent: float = 0.0, standby: Sequence[str] = ()
    ) -> None:
        """Send new requests to these `host:port` addresses; the ones under way stay where they are.

        Args:
            upstreams: where they go; they also answer what `aside` fails and may be asked twice.
            aside: where `percent` of them go instead; without it the same, for a request that had been sent there.
            percent: of the requests, each by lot.
            standby: who answers what `upstreams` fail and may be asked twice.
        """
        fresh = self.folder / uuid4().hex[:12]
        fresh.mkdir(parents=True, mode=0o700)
        for folder, addresses in ((fresh, upstreams), (fresh / ASIDE, aside), (fresh / STANDBY, standby)):
            if not addresses:
                folder.symlink_to(".")
                continue
            folder.mkdir(mode=0o700, exist_ok=True)
            for slot in range(max(SLOTS, len(addresses))):
                (folder / str(slot)).write_text(addresses[slot % len(addresses)])
        # Other names of the same files: what Caddy holds against one is not the other's.
        (fresh / WATCHED).symlink_to(".")
        (fresh / SHARE).write_text(f"{round(percent / 100 * 2**32):08x}" if aside else "")
        (fresh / MARK).write_text(YES if standby else "")
        link = self.folder / f"{fresh.name}.link"
        link.symlink_to(fresh.name)
        link.replace(self.folder / "current")
        for old in self.folder.iterdir():
            if old.is_symlink() and old.name != "current":
                old.unlink()
            elif old.name not in ("current", fresh.name):
                shutil.rmtree(old)

    def upstreams(self) -> tuple[str, ...]:
        """Return the `host:port` addresses that new requests are sent to; empty when they are sent nowhere."""
        try:
            return tuple(sorted({slot.read_text() for slot in (self.folder / "current").glob("[0-9]*")}))
        except OSError:
            return ()

    def is_split(self) -> bool:
        """Tell whether requests go to other addresses than :meth:`upstreams`: a share of them, or those that failed."""
        with suppress(OSError):
            return any((self.folder / "current" / name).read_text() for name in (SHARE, MARK))
        return False

    def close(self) -> None:
        """Send new requests nowhere: they get status 502."""
        with suppress(FileNotFoundError):
            (self.folder / "current").unlink()

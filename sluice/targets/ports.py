"""Free ports on 127.0.0.1 for replicas."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection

from sluice.errors import InfrastructureError

# Below the kernel's range for outgoing connections (32768 to 60999): none of those can take a port between our look and
# the replica's bind.
RANGE = range(20000, 32000)
TRIES = 500


def is_free(port: int) -> bool:
    """Tell whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free to servers
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int, avoid: Collection[int] = ()) -> tuple[int, ...]:
    """Return `count` different free ports, none of them in `avoid`.

    Another program may still take one before the replica does: the start is tried again then.

    Raises:
        InfrastructureError: `PORTS_USED_UP`.
    """
    found: list[int] = []
    for _ in range(TRIES):
        if len(found) == count:
            return tuple(found)
        port = secrets.choice(RANGE)
        if port not in avoid and port not in found and is_free(port):
            found.append(port)
    raise InfrastructureError(
        f"there are no {count} free ports", code="PORTS_USED_UP", allowed=f"127.0.0.1:{RANGE.start}-{RANGE.stop - 1}"
    )

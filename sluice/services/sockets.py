"""Where the unix sockets of a home are: in its folder `supervisor`, under a short name when its path does not do.

A unix socket's path may have 107 bytes, and supervisord splits and globs the path of its configuration. A home whose
path is longer, or has blanks or brackets, gets a short symbolic link to the same folder, so that the sockets, and
what lies beside them, stay inside the home.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path

from sluice.errors import ConfigError
from sluice.settings import Home

LONGEST = 90  # bytes; supervisord adds `.<pid>` while it binds
PLAIN = re.compile(r"[A-Za-z0-9_./+@,:=-]+")


def folder(home: Home) -> Path:
    """Return the folder for sockets of `home`, the same path at each call."""
    path = home.supervisor / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST and PLAIN.fullmatch(str(path)):
        return home.supervisor
    name = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"sluice-{os.getuid()}-{name}"


def make(home: Home) -> Path:
    """Make the folder, readable by its owner only, and return it.

    Raises:
        ConfigError: `SOCKET_FOLDER`: somebody else holds its short name.
    """
    home.supervisor.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.supervisor.chmod(0o700)
    place = folder(home)
    if place == home.supervisor:
        return place
    with contextlib.suppress(FileExistsError):
        place.symlink_to(home.supervisor)
    if not place.is_symlink() or place.lstat().st_uid != os.getuid() or place.readlink() != home.supervisor:
        raise ConfigError(
            "the short name for sockets belongs to somebody else",
            code="SOCKET_FOLDER",
            where=str(place),
            next_step="Use a shorter SLUICE_HOME: sockets then lie inside it.",
        )
    return place


def forget(home: Home) -> None:
    """Remove the short name, if there is one."""
    place = folder(home)
    if place != home.supervisor and place.is_symlink() and place.lstat().st_uid == os.getuid():
        place.unlink()

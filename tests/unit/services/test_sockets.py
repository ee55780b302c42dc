from __future__ import annotations

import os
from pathlib import Path

import pytest

from sluice.errors import ConfigError
from sluice.services import sockets
from sluice.settings import Home


def test_a_short_plain_home_has_its_sockets_inside(tmp_path: Path) -> None:
    home = Home(Path("/tmp/h"))
    assert sockets.folder(home) == home.supervisor


@pytest.mark.parametrize("name", ["long" * 40, "with blank", "100%", "[x]", "a;b"])
def test_other_homes_have_a_short_name_for_the_same_folder(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / name)
    place = sockets.make(home)
    try:
        assert len(os.fsencode(place / "supervisor.sock.1234567")) < 107
        assert sockets.PLAIN.fullmatch(str(place))
        assert place.resolve() == home.supervisor.resolve()
        assert sockets.make(home) == place == sockets.folder(home)
    finally:
        sockets.forget(home)
    assert not place.is_symlink()


def test_a_short_name_of_somebody_else_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 40))
    place = sockets.folder(home)
    place.symlink_to(tmp_path)
    try:
        with pytest.raises(ConfigError, match="SOCKET_FOLDER"):
            sockets.make(home)
    finally:
        place.unlink()

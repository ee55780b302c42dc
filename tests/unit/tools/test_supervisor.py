from __future__ import annotations

import configparser
import json
import stat
from pathlib import Path

import pytest

from sluice.errors import ConfigError
from sluice.tools.supervisor import ServiceProgram, Supervisor, conf_value


def program(folder: Path, **more: object) -> ServiceProgram:
    fields = {"name": "web", "command": ("run", "a b;c"), "directory": folder, "log": folder / "log", "stop_seconds": 3}
    return ServiceProgram.model_validate({**fields, **more})


def test_what_is_written_is_for_its_owner_and_holds_no_secret(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "s.sock")
    supervisor.write_group("web", [program(tmp_path, environment={"TOKEN": "hunter22"})])
    conf, spec = tmp_path / "conf.d/web.conf", tmp_path / "conf.d/web/web.json"
    assert "hunter22" not in conf.read_text()
    assert json.loads(spec.read_text())["environment"] == {"TOKEN": "hunter22"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (conf, spec)} == {0o600}
    parser = configparser.RawConfigParser()
    parser.read(conf)
    assert parser.sections() == ["group:web", "program:web"]
    assert parser["program:web"]["autorestart"] == parser["program:web"]["killasgroup"] == "true"


def test_differs_sees_every_change(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "s.sock")
    assert supervisor.differs("web", [program(tmp_path)])
    supervisor.write_group("web", [program(tmp_path)])
    assert not supervisor.differs("web", [program(tmp_path)])
    for change in ({"command": ("run",)}, {"environment": {"A": "1"}}, {"stop_seconds": 9}, {"priority": 1}):
        assert supervisor.differs("web", [program(tmp_path, **change)])


@pytest.mark.parametrize("text", ["a\nb", "a ;b", "a\t#b", "a\0b"])
def test_what_the_configuration_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="PATH_UNUSABLE"):
        conf_value(text)


def test_percent_signs_are_doubled() -> None:
    assert conf_value("/a%b;c#d") == "/a%%b;c#d"

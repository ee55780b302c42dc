"""The doctor looks at programs of this machine: what is used, what is missing, and what that costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.errors import ToolMissingError
from sluice.services.doctor import ToolReport, doctor
from sluice.settings import Settings
from sluice.tools.docker.tunnel import Tunnel


def of_ssh(tmp_path: Path) -> ToolReport:
    (found,) = [each for each in doctor(Settings(SLUICE_HOME=tmp_path)) if each.name == "ssh"]
    return found


def test_ssh_is_named_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'OpenSSH_9.2p1 Debian-2+deb12u7, OpenSSL 3.0.17 1 Jul 2025' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    found = of_ssh(tmp_path)
    assert (found.level, found.detail, found.path, found.cost) == ("good", "9.2 (path)", str(program), "")


def test_without_ssh_the_doctor_says_what_that_costs_and_an_engine_says_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = of_ssh(tmp_path)
    assert (found.level, found.detail) == ("note", "missing")
    assert found.cost.startswith("engines at `ssh://` cannot be reached. Install ssh, or name it in SLUICE_TOOL_SSH")
    with pytest.raises(ToolMissingError, match="program ssh is not on this machine"):
        Tunnel("ssh://builder@127.0.0.1")

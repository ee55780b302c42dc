"""What a shell needs before the commands that the demo shows work in it."""

from __future__ import annotations

from pathlib import Path

from sluice.cli.demo import shell_line


def programs(folder: Path) -> Path:
    folder.mkdir()
    (folder / "sluice").touch(0o755)
    return folder


def test_make_demo_calls_a_program_that_is_not_on_the_path_with_a_home_of_the_clone(tmp_path: Path) -> None:
    ours = programs(tmp_path / "our bin")
    shell = {"PATH": "/nowhere", "SLUICE_HOME": "/clone/.sluice"}
    assert shell_line(shell, ours) == f"export SLUICE_HOME=/clone/.sluice PATH='{ours}':$PATH"


def test_another_sluice_on_the_path_is_not_ours(tmp_path: Path) -> None:
    ours, other = programs(tmp_path / "ours"), programs(tmp_path / "other")
    assert shell_line({"PATH": f"{other}:{ours}"}, ours) == f"export PATH={ours}:$PATH"


def test_who_typed_sluice_needs_nothing(tmp_path: Path) -> None:
    ours = programs(tmp_path / "ours")
    link = tmp_path / "bin"
    link.mkdir()
    (link / "sluice").symlink_to(ours / "sluice")
    assert shell_line({"PATH": str(link)}, ours) == ""
    assert shell_line({"PATH": str(ours), "SLUICE_HOME": ""}, ours) == ""

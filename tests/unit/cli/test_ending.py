"""How a run ends on the screen."""

from __future__ import annotations

from dataclasses import fields

import pytest

from sluice.cli.ending import show_end
from sluice.states import RunState, StageState
from sluice.store.views import CheckView, RunView, StageView


def stage(name: str, *checks: tuple[str, str, str]) -> StageView:
    shown = tuple(
        CheckView(code, f"NAME_{code}", severity, status, "", "", "", "") for code, severity, status in checks
    )
    return StageView(name, name, StageState.PASSED, "", "", 1.0, 0.0, 0.0, 0.0, None, None, None, checks=shown)


def run(*stages: StageView) -> RunView:
    known = {"id": "a" * 36, "state": RunState.PASSED, "exit_code": 0, "seconds": 3.0, "reason": "", "stages": stages}
    return RunView(**{field.name: known.get(field.name) for field in fields(RunView)})  # type: ignore[arg-type]


def test_warnings_of_all_boundaries_are_named_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    show_end(
        run(
            stage("test", ("T01", "stop", "passed"), ("T12", "warn", "failed")),
            stage("build", ("B08", "warn", "failed"), ("B06", "warn", "not_enough_history")),
        )
    )
    assert "  warned of T12 NAME_T12 (test), B08 NAME_B08 (build)\n" in capsys.readouterr().out


def test_a_run_without_warnings_says_nothing_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    show_end(run(stage("test", ("T12", "warn", "passed"))))
    assert "warned" not in capsys.readouterr().out

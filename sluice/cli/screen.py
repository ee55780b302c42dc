"""How run and stage states look in a terminal, and the two consoles."""

from __future__ import annotations

from rich.console import Console

from sluice.states import RunState, StageState

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

MARKS: dict[str, tuple[str, str]] = {
    StageState.PENDING: ("·", "dim"),
    StageState.RUNNING: ("▸", "cyan"),
    StageState.PASSED: ("✔", "green"),
    StageState.REUSED: ("↺", "green"),
    StageState.SKIPPED: ("-", "dim"),
    StageState.FAILED: ("✘", "red"),
    StageState.REJECTED: ("⊘", "red"),
    StageState.CANCELLED: ("◼", "yellow"),
    StageState.ERRORED: ("!", "red"),
    StageState.LOST: ("?", "red"),
    RunState.QUEUED: ("·", "dim"),
    RunState.ROLLED_BACK: ("↩", "yellow"),
}


def mark(state: str) -> tuple[str, str]:
    """Return the sign and the colour of a state."""
    return MARKS.get(state, ("·", "dim"))


def seconds(value: float | None) -> str:
    """Return a duration for people: `0.42 s`, `12.3 s`, `3 min 05 s`."""
    if value is None:
        return ""
    if value < 10:
        return f"{value:.2f} s"
    if value < 60:
        return f"{value:.1f} s"
    return f"{int(value // 60)} min {int(value % 60):02d} s"

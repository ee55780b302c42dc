"""What is written aside is written in order, in its context, and what fails is told."""

from __future__ import annotations

import threading
from contextvars import ContextVar

from tasks.aside import aside, settle

where: ContextVar[str] = ContextVar("where", default="nowhere")


def test_writes_keep_their_order_and_their_context() -> None:
    written: list[tuple[str, bool]] = []
    for name in ("a", "b", "c"):
        token = where.set(name)
        aside(lambda: written.append((where.get(), threading.current_thread() is threading.main_thread())))
        where.reset(token)
    assert settle() == ()
    assert written == [("a", False), ("b", False), ("c", False)]


def test_a_failure_is_told_once_and_stops_no_other_write() -> None:
    written: list[str] = []
    aside(lambda: int("x"))
    aside(lambda: written.append("after"))
    (told,) = settle()
    assert told.startswith("ValueError: invalid literal")
    assert written == ["after"]
    assert settle() == ()


def test_waiting_is_bounded() -> None:
    go = threading.Event()
    aside(go.wait)
    aside(lambda: None)
    assert settle(0.05) == ("not written within 0.05 s", "not written within 0.05 s")
    go.set()

"""Flows that tests of the services run: they start quickly, sleep, and leave things behind. Loaded by path."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from prefect import flow, task
from prefect.settings import get_current_settings


@flow
def quick(note: str) -> None:
    """Say who ran it."""
    written(note, f"{os.getpid()} {os.getppid()} {os.environ['PREFECT_API_URL']} {os.getcwd()}")


@flow
def retries(note: str) -> None:
    """Say what one of Prefect's settings is here."""
    written(note, str(get_current_settings().tasks.default_retries))


@flow
def slow(note: str, seconds: int = 120) -> None:
    """Sleep beside a program in a session of its own; say how it ended."""
    program = subprocess.Popen(["sleep", "300"], start_new_session=True)
    written(note, f"{os.getpid()} {program.pid}")
    try:
        time.sleep(seconds)
    except BaseException as error:
        written(f"{note}.end", type(error).__name__)
        raise


@flow
def stepping(note: str) -> None:
    """Go on task by task: between two of them it can be suspended."""
    written(note, str(os.getpid()))
    while True:
        step()


@task
def step() -> None:
    """Take a moment."""
    time.sleep(0.5)


@flow
def leaver(note: str) -> None:
    """Leave a daemon behind whose environment tells nothing."""
    words = ["sh", "-c", 'setsid sleep 300 & echo $! > "$0"', f"{note}.new"]
    subprocess.run(words, env={"PATH": os.environ["PATH"]}, start_new_session=True, check=True)
    Path(f"{note}.new").replace(note)


def written(path: str, text: str) -> None:
    """Write a file that is whole or not there."""
    Path(f"{path}.new").write_text(text)
    Path(f"{path}.new").replace(path)

"""What a fork of the warm process does: become the process that the launcher asked for."""

from __future__ import annotations

import atexit
import os
import runpy
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from sluice.services.warm_processes import MARK, adopt_orphans, die_with
from sluice.services.warm_settings import Sources, sources

ENGINE = "prefect.engine"
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def become(request: dict[str, Any], streams: Sequence[int], parent: int, path: Path, read: Sources) -> NoReturn:
    """Run the requested module as `__main__` and end with its exit code.

    Args:
        request: `words` (module and arguments), `cwd`, `env` (the whole environment), `interactive` (a person's
            command: it stands in for the script `sluice`, which does not import from the folder it is called in).
        streams: descriptors for standard input, output and errors.
        parent: process id of the warm process.
        path: its socket; the environment gets it as the mark of everything that the module starts.
        read: what its Prefect settings were read from.
    """
    status = 1
    try:
        _isolate(streams, parent)
        _take_environment(request)
        _take_settings(request, read)
        os.environ[MARK] = str(path)
        if request["words"][0] == ENGINE:
            threading.Thread(target=_connect, daemon=True).start()
        status = _run(list(request["words"]))
    except BaseException:  # noqa: BLE001 - broad: the fork must end here, never return into the parent's loop
        traceback.print_exc()
    finally:
        _finish(status)


def settle() -> NoReturn:
    """Settle dead runs once, and end."""
    status = 1
    try:
        _default_signals()
        from sluice.services.reconcile import reconcile
        from sluice.settings import Settings

        reconcile(Settings())
        status = 0
    except Exception:  # noqa: BLE001 - broad: the fork must end here; the log tells, and the next one tries again
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _default_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _isolate(streams: Sequence[int], parent: int) -> None:
    os.setsid()
    _default_signals()
    die_with(parent)
    adopt_orphans()
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
    for stream in streams:
        if stream > 2:
            os.close(stream)


def _take_environment(request: dict[str, Any]) -> None:
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    if not request.get("interactive"):
        sys.path.insert(0, request["cwd"])  # as `python -m` does
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # the standard library's generator does this itself after a fork


def _take_settings(request: dict[str, Any], read: Sources) -> None:
    """Have Prefect's settings read again, which were read for the parent, where they may differ here.

    A person's command asks the server without Prefect's client, and does not wait for settings that it does not use.
    """
    if "prefect.context" in sys.modules and not request.get("interactive") and sources() != read:
        sys.modules["prefect.context"].refresh_global_settings_context()


def _connect() -> None:
    """Open the connections to Postgres that a flow begins with, while Prefect's engine waits for its server."""
    from sluice.database import database

    try:
        with database().connect(), database().connect():
            pass
    except Exception:  # noqa: BLE001 - broad: the flow meets it again, and tells
        return


def _run(words: list[str]) -> int:
    # runpy warns of modules that were imported before they run as __main__: here that is the purpose.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    sys.argv = words
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return _status(ended.code)
    except KeyboardInterrupt:
        return 130
    return 0


def _status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _finish(status: int) -> NoReturn:
    """End as an interpreter does, but for freeing memory object by object: that would take half a second.

    `threading._shutdown` waits for the threads that a program must wait for; the interpreter calls it, and there is no
    public name for it.
    """
    try:
        shutdown = getattr(threading, "_shutdown", None)
        if shutdown is not None:
            shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)

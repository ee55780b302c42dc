"""Becomes the program that a file describes: `python -I -S starter.py program.json`.

The process manager's own configuration cannot hold every value (quotes, `%`, ` ;` and line ends are its syntax), and
shows what it holds to whoever lists processes. So the words and the environment of a program are in a JSON file of
mode 0600, and the configuration names that file only. Standard library only: it runs before every service.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def main(path: Path) -> None:
    """Count the start, bind the program's life to the process manager's, and become it; 127 when that fails."""
    program = json.loads(path.read_text(encoding="utf-8"))
    with path.with_suffix(".starts").open("ab") as file:
        file.write(b".")
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(program["death_signal"]))
    words = program["command"]
    environment = program["environment"]
    try:
        os.execvpe(words[0], words, os.environ if environment is None else environment)  # noqa: S606 - its purpose
    except OSError as error:
        sys.stderr.write(f"cannot start {words[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

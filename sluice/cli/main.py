"""The `sluice` command: the place where errors become one line and an exit code."""

from __future__ import annotations

import atexit
import os
import platform
import re
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import typer
from typer.models import CommandInfo, TyperInfo

from sluice import __version__
from sluice.errors import Exit, SluiceError, UsageError

GROUPS = {  # module → its commands: only the one that is asked for is imported, all of them for the help
    "runs": ("run", "rollback", "cancel", "runs"),
    "resume": ("resume",),
    "report": ("report",),
    "lineage": ("lineage",),
    "verify": ("verify",),
    "diff": ("diff",),
    "docs": ("docs",),
    "logs": ("logs",),
    "why": ("why",),
    "sql": ("sql",),
    "configuration": ("init", "check", "plan", "schema"),
    "services": ("up", "down", "status", "doctor", "env"),
    "clean": ("clean",),
    "settling": ("settle", "fence"),
    "drift": ("drift",),
    "backup": ("backup",),
    "findings": ("findings",),
    "approval": ("approve", "reject"),
    "demo": ("demo",),
}
PANELS = {  # how the help groups them; a command that is in none stands before all groups
    "Run": ("run", "resume", "cancel", "runs", "logs", "demo"),
    "Explain": ("report", "why", "diff", "lineage", "findings", "sql", "docs"),
    "Deliver": ("approve", "reject", "rollback", "drift", "verify", "backup", "settle", "fence"),
    "Configure": ("init", "check", "plan", "schema"),
    "Services": ("up", "down", "status", "doctor", "env", "clean"),
}

app = typer.Typer(
    name="sluice",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Self-hosted CI/CD that cannot be fooled: a contract at every stage boundary.\n\n"
    "[bold]Start here[/bold]: `sluice run` in a repository takes its current branch through the pipeline, and starts "
    "the services when needed; `sluice report` explains the last run.",
)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
) -> None:
    """Hold what is common to all commands."""
    if version:
        typer.echo(f"sluice {__version__}")
        raise typer.Exit


def mount(words: list[str]) -> None:
    """Mount the command that `words` begin with, and its group; all commands when they begin with none."""
    if words == ["--version"]:
        return
    asked = [group for group, names in GROUPS.items() if words and words[0] in names]
    for group in asked or GROUPS:
        import_module(f"sluice.cli.{group}").register(app)
    if not asked:
        _group_help()


def _group_help() -> None:
    panels = {name: panel for panel, names in PANELS.items() for name in names}
    order = list(panels)
    shown: list[CommandInfo | TyperInfo] = [*app.registered_commands, *app.registered_groups]
    for each in shown:
        each.rich_help_panel = panels.get(_name(each))
    app.registered_commands.sort(key=lambda each: order.index(_name(each)) if _name(each) in panels else -1)


def _name(each: CommandInfo | TyperInfo) -> str:
    return each.name or (each.callback.__name__ if each.callback else "")


def main() -> NoReturn:
    """Run the command line and end the process with its exit code (docs/errors.md)."""
    _leave(run(sys.argv[1:]))


def _leave(status: int) -> NoReturn:
    """End as an interpreter does, but for freeing memory object by object: that takes up to half a second."""
    atexit._run_exitfuncs()
    with suppress(BrokenPipeError):  # the reader of a pipe went away, as `head` does
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def run(words: list[str]) -> int:
    """Run the command line `words`; return its exit code, having printed errors to standard error."""
    try:
        mount(words)
        result = app(words or ["--help"], prog_name="sluice", standalone_mode=False)
        if not words:
            return _tell(UsageError("no command was given", next_step="`sluice run` in a repository is the usual one."))
    except SluiceError as error:
        return _tell(error)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.TyperException as error:
        return _tell(_bad_words(error))
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("Stopped.", err=True)
        return int(Exit.CANCELLED)
    except BrokenPipeError:
        return int(Exit.GREEN)  # the reader of a pipe went away, as `head` does
    except Exception:  # noqa: BLE001 - broad: the last place where a bug can be told with what is needed to mend it
        _tell_bug()
        return int(Exit.BUG)
    return result if isinstance(result, int) else int(Exit.GREEN)


def _tell(error: SluiceError) -> int:
    typer.secho(str(error), fg=typer.colors.RED, err=True)
    return int(error.exit_code)


def _bad_words(error: typer.TyperException) -> UsageError:
    """Return Typer's complaint about the command line in the form of all errors."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "sluice"
    message = " ".join(error.format_message().split()).rstrip(".")
    message = re.sub(r"\. Did you mean (.+)\?$", r" (did you mean \1?)", message)
    return UsageError(message, next_step=f"`{command} --help` shows what there is.")


def _tell_bug() -> None:
    traceback.print_exc()
    typer.secho(
        f"BUG: this is a bug in Sluice {__version__} (Python {platform.python_version()}, {platform.platform()}). "
        "Nothing that was recorded is lost. Please report it with the lines above.",
        fg=typer.colors.RED,
        err=True,
    )


if __name__ == "__main__":
    main()

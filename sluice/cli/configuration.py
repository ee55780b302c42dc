"""The commands about `sluice.yaml`: init, check, plan, schema. They read the working tree and start nothing."""

from __future__ import annotations

from pathlib import Path

import typer

from sluice.cli.screen import out
from sluice.config.detect import Detected, detect
from sluice.config.effective import effective
from sluice.config.git_head import current_branch, default_branch
from sluice.config.init import file_text, write_file
from sluice.config.load import FILE_NAME, LoadedConfig, load, load_project
from sluice.config.model import Config, Environment
from sluice.config.plan import Plan
from sluice.config.plan import plan as make_plan
from sluice.config.schema import schema_text
from sluice.errors import UsageError
from sluice.records.checkout import RefKind
from sluice.states import StageName

PROJECT = typer.Argument(Path(), help="The project's directory.", show_default="here")


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog="Example: sluice init && sluice plan")(init)
    app.command(epilog="Example: sluice check   or   sluice check deploy/sluice.yaml")(check)
    app.command(epilog="Example: sluice plan --tag v1.4   or   sluice plan --pull-request")(plan)
    app.command(epilog="Example: sluice schema > sluice.schema.json")(schema)


def init(
    path: Path = PROJECT, force: bool = typer.Option(False, "--force", help="Overwrite an existing sluice.yaml.")
) -> None:
    """Write a sluice.yaml from what is found here, and say what was found and why."""
    directory = _directory(path)
    found = detect(directory)
    text = file_text(found, default_branch(directory))
    load(text)  # a file that would be refused is never written
    written = write_file(directory, text, force=force)
    _show_conclusions(found)
    out.print(f"\nWrote {written}. Read it, then: sluice plan", markup=False)


def check(path: Path = PROJECT) -> None:
    """Say whether sluice.yaml is right: every problem at once, each with its line. Exit code 2 when it is not."""
    loaded = load(path) if path.is_file() else load_project(_directory(path))
    directory = path.parent if path.is_file() else path
    config = effective(loaded.config, detect(directory))
    name = loaded.source or f"no {FILE_NAME}; everything is detected"
    tests = ", ".join(config.test.frameworks) or ("skipped" if config.test.skip else "none found")
    where = ", ".join(config.environments) or "none"
    out.print(f"OK  {name}\n    project {config.project} · tests: {tests} · environments: {where}", markup=False)


def plan(
    path: Path = PROJECT,
    ref: str = typer.Option("", "--ref", help="A branch. Left out: the one that is checked out.", show_default=False),
    tag: str = typer.Option("", "--tag", help="A tag instead of a branch.", show_default=False),
    pull_request: bool = typer.Option(False, "--pull-request", help="As for a pull request: never deployed."),
) -> None:
    """Print what would run for a branch, a tag or a pull request, and why. Nothing is run.

    It looks at the files as they lie here; a run takes them from the commit.
    """
    if ref and tag:
        raise UsageError("--ref and --tag exclude each other", next_step="Give one of them.")
    directory = _directory(path)
    loaded = load_project(directory)
    found = detect(directory)
    config = effective(loaded.config, found)
    default = default_branch(directory)
    kind, name = (RefKind.TAG, tag) if tag else (RefKind.BRANCH, ref or current_branch(directory) or default)
    made = make_plan(config, kind, name, default, pull_request=pull_request)
    what = "pull request from branch" if pull_request else str(kind)
    out.print(f"{config.project}, {what} {name} ({_source(loaded)})\n", markup=False)
    _show_plan(made, config, found)


def schema() -> None:
    """Print the JSON Schema of sluice.yaml, for editors and other programs."""
    typer.echo(schema_text(), nl=False)


def _directory(path: Path) -> Path:
    if not path.is_dir():
        raise UsageError("this is not a directory", where=str(path), next_step="Give the project's directory.")
    return path


def _source(loaded: LoadedConfig) -> str:
    return f"by {loaded.source}" if loaded.source else f"no {FILE_NAME}: everything is detected"


def _show_conclusions(found: Detected) -> None:
    width = max(len(conclusion.subject) for conclusion in found.conclusions)
    for conclusion in found.conclusions:
        out.print(f"{conclusion.subject:<{width}}  {conclusion.found}  ({conclusion.reason})", markup=False)


def _show_plan(made: Plan, config: Config, found: Detected) -> None:
    details = {StageName.TEST: _tests(config, found), StageName.BUILD: _build(config, found)}
    if found.submodules:
        details[StageName.CHECKOUT] = _submodules(config, found)
    details[StageName.SCAN] = f"{', '.join(config.scan.scanners)}; gate {config.scan.gate}"
    if made.environment:
        details[StageName.DEPLOY] = _environment(config.environments[made.environment])
    for stage in StageName:
        if stage not in made.reasons:
            continue
        mark = "▸" if stage in made.stages else "-"
        detail = f"  {details[stage]}" if stage in details else ""
        out.print(f"{mark} {stage:<9}{detail}  ({made.reasons[stage]})", markup=False)


def _tests(config: Config, found: Detected) -> str:
    test = config.test
    if test.skip:
        return "none"
    if not test.frameworks:
        return "none found: the run would stop at T01 NO_TESTS"
    installs = [*test.groups, *test.extras, *test.requirements, *test.packages]
    cells = max(len(test.matrix.python), 1) * test.shards
    for values in test.matrix.env.values():
        cells *= len(values)
    parts = [", ".join(test.frameworks)]
    parts += [f"installs {', '.join(installs)}"] if installs else []
    parts += [f"{cells} cells"] if cells > 1 else []
    parts += ["the project is installed"] if found.package else []
    return "; ".join(parts)


def _submodules(config: Config, found: Detected) -> str:
    names = ", ".join(found.submodules)
    if config.submodules:
        return f"with submodules {names}"
    return (
        f"submodules {names} are declared: the run would stop at C03 SUBMODULE_MISSING; "
        "look at .gitmodules, then add the line `submodules: true` to sluice.yaml"
    )


def _build(config: Config, found: Detected) -> str:
    if config.build.image is not None:
        return f"image {config.build.image.repository} of {config.build.image.dockerfile}"
    return "bundle of the wheel" if found.package else "bundle of the tree"


def _environment(environment: Environment) -> str:
    size = environment.memory
    memory = f"{size / 2**30:g} GiB" if size >= 2**30 else f"{size / 2**20:g} MiB"
    copies = f"{environment.replicas} replica{'s' if environment.replicas > 1 else ''}"
    tail = "; protected" if environment.protected else ""
    return f"{copies}, {environment.cpu:g} cpu and {memory} each, target {environment.target}{tail}"

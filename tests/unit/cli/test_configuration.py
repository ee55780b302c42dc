"""The commands about sluice.yaml, through the command line: what they print, what they write, how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from sluice.cli.configuration import register
from sluice.config.load import load
from sluice.errors import ConfigError, Exit, SluiceError, UsageError

GREETER = Path(__file__).parents[3] / "examples" / "greeter"


def sluice(*words: str | Path) -> Result:
    app = typer.Typer(rich_markup_mode="rich")
    register(app)
    return CliRunner().invoke(app, [str(word) for word in words])


def refused(*words: str | Path) -> SluiceError:
    error = sluice(*words).exception
    assert isinstance(error, SluiceError)
    return error


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("import pytest\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return tmp_path


def test_init_says_what_it_found_and_why_and_writes_it(project: Path) -> None:
    result = sluice("init", project)
    assert (result.exit_code, result.exception) == (0, None)
    assert "test framework  pytest  (tests/test_a.py imports pytest)" in result.output
    assert f"Wrote {project / 'sluice.yaml'}. Read it, then: sluice plan" in result.output
    assert load(project / "sluice.yaml").config.test.frameworks == ("pytest",)


def test_init_never_overwrites_unasked(project: Path) -> None:
    (project / "sluice.yaml").write_text("project: mine\n")
    error = refused("init", project)
    assert (type(error), error.exit_code) == (UsageError, Exit.USAGE)
    assert (project / "sluice.yaml").read_text() == "project: mine\n"
    assert sluice("init", project, "--force").exit_code == 0
    assert load(project / "sluice.yaml").config.project != "mine"


def test_check_shows_every_problem(project: Path) -> None:
    assert sluice("check", project).output.startswith("OK  no sluice.yaml; everything is detected\n")
    (project / "sluice.yaml").write_text("lsf: true\ntest: {timeout: 0}\n")
    error = refused("check", project)
    assert (type(error).__mro__[1], error.exit_code) == (ConfigError, Exit.USAGE)
    assert str(error).splitlines()[:2] == [
        "CONFIG: sluice.yaml:1:1 unknown key 'lsf' (did you mean 'lfs'?)",
        "CONFIG: sluice.yaml:2:17 test.timeout: found '0', allowed: a number of seconds or text like 30s, 10m, 1h, "
        "more than 0, at most 30 days",
    ]
    other = project / "other.yaml"
    other.write_text("project: other\n")
    assert "OK  other.yaml\n    project other · tests: pytest" in sluice("check", other).output


def test_plan_of_the_example() -> None:
    output = sluice("plan", GREETER, "--ref", "main").output
    assert output.splitlines() == [
        "greeter, branch main (by sluice.yaml)",
        "",
        "▸ checkout   (every commit)",
        "▸ test       pytest; installs test; the project is installed  (every commit)",
        "▸ build      bundle of the wheel  (every commit)",
        "▸ scan       trivy, bandit, hadolint; gate high  (every commit)",
        "▸ deploy     2 replicas, 0.5 cpu and 1 GiB each, target process  "
        "(branch main goes to staging (deploy: branch main))",
        "▸ smoke      (what was deployed to staging must answer)",
        "- rollback   (stands by: runs when smoke fails)",
    ]


def test_plan_of_an_image(project: Path) -> None:
    (project / "sluice.yaml").write_text(
        "build: {image: {repository: registry.example/shop, dockerfile: web.docker}}\n"
    )
    assert "▸ build      image registry.example/shop of web.docker  (" in sluice("plan", project).output


def test_plan_by_tag_and_for_a_pull_request(project: Path) -> None:
    tagged = sluice("plan", GREETER, "--tag", "v1.4").output
    assert "3 replicas, 1 cpu and 2 GiB each, target process; protected  (tag v1.4 goes to production" in tagged
    asked = sluice("plan", GREETER, "--ref", "main", "--pull-request").output
    assert asked.startswith("greeter, pull request from branch main (by sluice.yaml)\n")
    assert asked.splitlines()[-1] == "- deploy     (not deployed: a pull request is never deployed)"
    here = sluice("plan", project).output
    assert ", branch main (no sluice.yaml: everything is detected)\n" in here
    assert here.splitlines()[-1] == "- deploy     (not deployed: no deploy routes are declared)"


def test_plan_without_tests_says_what_would_happen(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    assert (
        "▸ test       none found: the run would stop at T01 NO_TESTS  (every commit)" in sluice("plan", tmp_path).output
    )


def test_plan_says_that_undeclared_submodules_would_stop_the_run(project: Path) -> None:
    (project / ".gitmodules").write_text('[submodule "lib"]\npath = lib\nurl = ../lib\n')
    assert "C03 SUBMODULE_MISSING; look at .gitmodules, then add the line `submodules: true`" in " ".join(
        sluice("plan", project).output.split()
    )
    (project / "sluice.yaml").write_text("submodules: true\n")
    assert "▸ checkout   with submodules lib  (every commit)" in sluice("plan", project).output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plan", "--ref", "a", "--tag", "b"), "USAGE: --ref and --tag exclude each other. Give one of them."),
        (("plan", "/nowhere"), "USAGE: this is not a directory, at /nowhere. Give the project's directory."),
        (("init", "/nowhere"), "USAGE: this is not a directory, at /nowhere. Give the project's directory."),
        (("check", "/nowhere"), "USAGE: this is not a directory, at /nowhere. Give the project's directory."),
    ],
)
def test_bad_usage(words: tuple[str, ...], message: str) -> None:
    assert str(refused(*words)) == message


def test_schema_prints_json_and_nothing_else() -> None:
    printed = json.loads(sluice("schema").output)
    assert printed["title"] == "sluice.yaml"
    assert "environments" in printed["properties"]


@pytest.mark.parametrize("command", ["init", "check", "plan", "schema"])
def test_help_teaches_with_an_example(command: str) -> None:
    result = sluice(command, "--help")
    assert result.exit_code == 0
    assert f"Example: sluice {command}" in result.output

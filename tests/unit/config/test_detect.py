"""What a tree is, from its files alone. Each shape of project is taken whole."""
# ruff: noqa: E501  # each file of a shape on one line reads best

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sluice.config.detect import Detected, detect, slug
from sluice.config.effective import effective
from sluice.config.init import file_text
from sluice.config.javascript import REPORT, REPORTERS
from sluice.config.load import load
from sluice.config.model import Config
from sluice.errors import ConfigError

PACKAGE = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n[project]\nname = "Shop.API"\n'
NODE = {"command": ("node", *REPORTERS, "--test"), "report": REPORT, "frameworks": ("command",)}
NPM = {
    "command": ("npm", "test"),
    "report": REPORT,
    "env": {"NODE_OPTIONS": " ".join(REPORTERS)},
    "frameworks": ("command",),
}
PYTEST = "import pytest\ndef test_a(): pass\n"
CASE = "import unittest\nclass A(unittest.TestCase):\n    def test_a(self): pass\n"

SHAPES: dict[str, tuple[Mapping[str, str], Mapping[str, Any]]] = {
    "src layout with a dependency group": (
        {
            "pyproject.toml": PACKAGE + "[tool.pytest.ini_options]\n[dependency-groups]\ntest = ['pytest']\ndev = ['ruff']\n",
            "src/shop/__init__.py": "",
            "tests/test_a.py": PYTEST,
            "uv.lock": "",
        },
        {"frameworks": ("pytest",), "groups": ("test",), "package": True, "coverage_source": ("src",), "project": "shop-api",
         "lock_files": ("uv.lock",)},
    ),
    "flat with extras, nothing said of pytest but the import": (
        {
            "pyproject.toml": PACKAGE + "[project.optional-dependencies]\ntests = ['hypothesis']\nhttp = ['x']\n",
            "shop/__init__.py": "",
            "tests/__init__.py": "",
            "tests/test_a.py": PYTEST,
        },
        {"frameworks": ("pytest",), "extras": ("tests",), "package": True, "coverage_source": ("shop",)},
    ),
    "tox only": (
        {
            "setup.py": "from setuptools import setup\nEXTRAS = {'fast': ['x']}\nsetup(name='shop', extras_require=EXTRAS)\n",
            "tox.ini": "[tox]\nenvlist=py311\n[base]\ndeps =\n  mock\n[testenv]\ndeps =\n  {[base]deps}\n  pytest>=7  # why\n"
                       "  py39: old\n  -r{toxinidir}/more.txt\n  -rgone.txt\n  {env:X}\nextras = fast\n"
                       "commands = coverage run -m pytest {posargs}\n",
            "more.txt": "attrs\n",
            "shop.py": "",
            "test_shop.py": "def test_a(): pass\n",
        },
        {"frameworks": ("pytest",), "extras": ("fast",), "requirements": ("more.txt",), "packages": ("mock", "pytest>=7", 'old; python_version in "3.9"'),
         "package": True, "coverage_source": ("shop",), "project": "shop"},
    ),
    "nox only": (
        {
            "setup.cfg": "[metadata]\nname = shop\n[options]\npackage_dir =\n  =lib\npython_requires = >=3.9\n"
                         "[options.extras_require]\ntesting = pytest\n",
            "noxfile.py": "import nox\n@nox.session\ndef tests(session):\n    session.install('-e', '.[testing]', 'mock')\n"
                          "    session.run('pytest', '-x', *session.posargs)\n@nox.session\ndef lint(s): s.install('ruff')\n",
            "lib/shop/__init__.py": "",
        },
        {"frameworks": ("pytest",), "extras": ("testing",), "packages": ("mock",), "package": True,
         "coverage_source": ("lib",), "requires_python": ">=3.9", "project": "shop"},
    ),
    "poetry": (
        {
            "pyproject.toml": "[build-system]\nbuild-backend='poetry.core.masonry.api'\n[tool.poetry]\nname='shop'\n"
                              "[tool.poetry.dependencies]\npython='^3.10'\n[tool.poetry.group.test.dependencies]\npytest='^8'\n"
                              "[tool.poetry.group.docs.dependencies]\nsphinx='*'\n",
            "shop/__init__.py": "",
            "test_a.py": PYTEST,
            "poetry.lock": "",
        },
        {"frameworks": ("pytest",), "groups": ("test",), "package": True, "coverage_source": ("shop",),
         "requires_python": "^3.10", "lock_files": ("poetry.lock",), "project": "shop"},
    ),
    "an application with requirements files": (
        {"requirements.txt": "flask\n", "requirements/test.txt": "pytest\n", "requirements/test.in": "pytest\n",
         "requirements/docs.txt": "x", "app.py": "", "tests/test_a.py": PYTEST},
        {"frameworks": ("pytest",), "requirements": ("requirements/test.txt", "requirements.txt"), "coverage_source": ("app",)},
    ),
    "development group when nothing is named after tests": (
        {"pyproject.toml": PACKAGE + "[dependency-groups]\ndev = ['pytest']\ndocs = ['x']\n", "test_a.py": "def test_a(): pass\n"},
        {"frameworks": ("pytest",), "groups": ("dev",), "package": True},
    ),
    "hatch's test environment": (
        {"pyproject.toml": PACKAGE + "[tool.hatch.envs.hatch-test]\nextra-dependencies=['httpx']\nfeatures=['x']\n"
                                     "[project.optional-dependencies]\nx=['y']\n", "tests/test_a.py": PYTEST},
        {"frameworks": ("pytest",), "extras": ("x",), "packages": ("httpx",), "package": True},
    ),
    "unittest in a folder that is no package": (
        {"shop.py": "", "tests/test_a.py": CASE, "tests/test_b.py": CASE},
        {"frameworks": ("unittest",), "paths": ("tests",), "coverage_source": ("shop",)},
    ),
    "unittest in packages, which the root finds": (
        {"shop/__init__.py": "", "shop/tests/__init__.py": "", "shop/tests/test_a.py": CASE},
        {"frameworks": ("unittest",), "coverage_source": ("shop",)},
    ),
    "unittest cases that pytest runs by the project's own settings": (
        {"pytest.ini": "[pytest]\n", "tests/test_a.py": CASE},
        {"frameworks": ("pytest",)},
    ),
    "unittest by tox although pytest is there to be had": (
        {"tox.ini": "[testenv]\ndeps = pytest\ncommands = python -m unittest\n", "test_a.py": CASE},
        {"frameworks": ("unittest",), "packages": ("pytest",)},
    ),
    "behave and Robot Framework": (
        {"features/a.feature": "Feature: a\n", "features/steps/a.py": "", "robot/a.robot": "*** Test Cases ***\nA\n    No Operation\n",
         "robot/words.robot": "*** Keywords ***\nB\n    No Operation\n"},
        {"frameworks": ("behave", "robot")},
    ),
    "Robot Framework alone": (
        {"robot/a.robot": "*** Test Cases ***\nA\n    No Operation\n"},
        {"frameworks": ("robot",), "paths": ("robot",), "languages": ()},
    ),
    "behave in another folder": (
        {"e2e/a.feature": "Feature: a\n", "e2e/steps/a.py": ""},
        {"frameworks": ("behave",), "paths": ("e2e",)},
    ),
    "features of pytest-bdd are not behave's": (
        {"requirements-test.txt": "pytest-bdd\n", "features/a.feature": "", "features/steps/a.py": "", "test_a.py": PYTEST},
        {"frameworks": ("pytest",), "requirements": ("requirements-test.txt",)},
    ),
    "JavaScript with node's own runner": (
        {"package.json": '{"name": "@scope/left-pad", "scripts": {"test": "node --test"}}'},
        {**NODE, "languages": ("javascript",), "project": "left-pad"},
    ),
    "JavaScript with dependencies, a lock, and a glob that needs a shell": (
        {"package.json": '{"scripts": {"test": "npm run lint && node --import tsx --test test/*.ts"}, "devDependencies": {"tsx": "4"}}',
         "package-lock.json": "{}"},
        {**NPM, "languages": ("javascript",), "setup": (("npm", "ci"),), "lock_files": ("package-lock.json",)},
    ),
    "JavaScript with a script that has to run first": (
        {"package.json": '{"scripts": {"test": "node --test", "pretest": "npm run build"}}'},
        {**NPM, "languages": ("javascript",)},
    ),
    "JavaScript whose tests are a part of its test script": (
        {"package.json": '{"scripts": {"test": "npm run unit && npm run types", "unit": "c8 --100 node --test a.js", "types": "tsc"},'
                         '"devDependencies": {"c8": "1"}}'},
        {**NODE, "command": ("node", *REPORTERS, "--test", "a.js"), "languages": ("javascript",), "setup": (("npm", "install"),)},
    ),
    "JavaScript with two runs of node's runner, which one report cannot hold": (
        {"package.json": '{"scripts": {"test": "npm run a && npm run b && npm run test", "a": "node --test a", "b": "node --test b"}}'},
        {"languages": ("javascript",)},
    ),
    "JavaScript whose runner Sluice does not know": (
        {"package.json": '{"scripts": {"test": "jest"}}'},
        {"languages": ("javascript",)},
    ),
    "JavaScript with a reporter of its own": (
        {"package.json": '{"scripts": {"test": "node --test --test-reporter=tap"}}'},
        {"languages": ("javascript",)},
    ),
    "Python and JavaScript": (
        {"package.json": '{"scripts": {"test": "node --test"}}', "tests/test_a.py": PYTEST},
        {**NODE, "frameworks": ("pytest", "command"), "languages": ("python", "javascript")},
    ),
    "no tests at all": (
        {"pyproject.toml": PACKAGE, "shop.py": "def test(): pass\n"},
        {"package": True, "coverage_source": ("shop",)},
    ),
    "coverage settings of its own": (
        {"pyproject.toml": PACKAGE + "[tool.coverage.run]\nbranch=true\n", "src/a/__init__.py": "", "test_a.py": PYTEST},
        {"frameworks": ("pytest",), "package": True},
    ),
    "a project that says it is no package": (
        {"pyproject.toml": PACKAGE + "[tool.uv]\npackage=false\n", "app.py": ""},
        {"coverage_source": ("app",)},
    ),
    "PDM's old list": (
        {"pyproject.toml": PACKAGE + "[tool.pdm.dev-dependencies]\ntest=['pytest']\nlint=['ruff']\n", "test_a.py": PYTEST},
        {"frameworks": ("pytest",), "packages": ("pytest",), "package": True},
    ),
    "Pipenv": (
        {"Pipfile": "[packages]\nflask='*'\n[dev-packages]\npytest='==8.3'\n", "test_a.py": PYTEST},
        {"frameworks": ("pytest",), "packages": ("flask", "pytest==8.3")},
    ),
    "tox in TOML": (
        {"tox.toml": "[env_run_base]\ndependency_groups=['checks']\ncommands=[['pytest', 'tests']]\n",
         "pyproject.toml": PACKAGE + "[dependency-groups]\nchecks=['pytest']\n"},
        {"frameworks": ("pytest",), "groups": ("checks",), "package": True},
    ),
}  # fmt: skip

FIXED = {"languages": ("python",), "project": "project"}
NOT_COMPARED = {"conclusions", "dependency_files", "build_files"}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape: str, plant: Any) -> None:
    files, expected = SHAPES[shape]
    found = detect(plant(files))
    name = {"project": "shop-api"} if "Shop.API" in files.get("pyproject.toml", "") else {}
    whole = Detected(**{**FIXED, **name, **expected})
    assert found.model_dump(exclude=NOT_COMPARED) == whole.model_dump(exclude=NOT_COMPARED)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_file_of_init_gives_the_same_effective_configuration(shape: str, plant: Any) -> None:
    found = detect(plant(SHAPES[shape][0]))
    assert effective(load(file_text(found)).config, found) == effective(Config(), found)


def test_each_finding_says_why(plant: Any) -> None:
    files, _ = SHAPES["src layout with a dependency group"]
    found = detect(plant({**files, "Dockerfile": "FROM scratch\n"}))
    assert [(c.subject, c.found, c.reason) for c in found.conclusions] == [
        ("project", "shop-api", "[project].name in pyproject.toml"),
        ("language", "python", "2 Python files"),
        ("test framework", "pytest", "[tool.pytest.ini_options] in pyproject.toml"),
        ("test dependencies", "test", "a dependency group of that name"),
        ("package", "yes", "[build-system] in pyproject.toml"),
        ("coverage", "src", "src/ holds the project's code"),
        ("Dockerfile", "Dockerfile", "checked by hadolint and trivy"),
        ("lock file", "uv.lock", "pins what is installed"),
        ("service", "none", "no Procfile, script or module that listens; nothing is deployed"),
    ]
    assert found.dockerfiles == ("Dockerfile",)
    assert found.dependency_files == ("pyproject.toml",)
    assert found.build_files == ("pyproject.toml", "Dockerfile")


SERVER = (
    "from http.server import ThreadingHTTPServer\n\ndef main():\n    ThreadingHTTPServer(('', 1), H).serve_forever()\n"
)


@pytest.mark.parametrize(
    ("files", "command", "health", "version"),
    [
        ({"Procfile": "worker: x\nweb: gunicorn -b :$PORT app:app\n", "a.py": ""}, ("gunicorn", "-b", ":{port}", "app:app"), "/", None),
        ({"Procfile": "web: cd x && ./run\n", "a.py": ""}, (), "/", None),
        (
            {"pyproject.toml": PACKAGE + "[project.scripts]\nshop='shop.server:main'\nother='shop.tool:main'\n",
             "src/shop/tool.py": "", "src/shop/server.py": SERVER + "# SLUICE_COMMIT\nX = ('/healthz', '/version')\n"},
            ("shop",), "/healthz", "/version",
        ),
        ({"shop/__init__.py": "", "shop/__main__.py": "from shop.web import main\n", "shop/web.py": SERVER}, ("python", "-m", "shop"), "/", None),
        ({"shop/__init__.py": "", "shop/__main__.py": "print(1)\n"}, (), "/", None),
        ({"tests/__main__.py": SERVER, "a.py": ""}, (), "/", None),
    ],
)  # fmt: skip
def test_services(
    plant: Any, files: dict[str, str], command: tuple[str, ...], health: str, version: str | None
) -> None:
    found = detect(plant(files))
    assert (found.service_command, found.service_health, found.service_version) == (command, health, version)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("pyproject.toml", "[project]\nname = \n",
         "CONFIG: pyproject.toml is not valid TOML: Invalid value, at pyproject.toml:2:8. Correct the file, then run again."),
        ("setup.cfg", "name = a\n", "CONFIG: setup.cfg cannot be read: File contains no section headers., at setup.cfg:1. "
                                    "Correct the file, then run again."),
        ("package.json", '{"name": }', "CONFIG: package.json is not valid JSON: Expecting value, at package.json:1:10. "
                                       "Correct the file, then run again."),
    ],
)  # fmt: skip
def test_broken_files_are_said(plant: Any, name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        detect(plant({name: text}))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "project = 1\ntool = 2\n"),
        (
            "pyproject.toml",
            "[project]\nname = 1\noptional-dependencies = 2\n[dependency-groups]\ntest = 1\n[tool]\npoetry=[1]\n",
        ),
        ("pyproject.toml", "[tool]\npytest = 1\nhatch = {envs = {test = 1}}\ntox = 'x'\nuv = 3\n"),
        ("package.json", '[1, {"scripts": "x"}]'),
        ("package.json", '{"name": 1, "scripts": {"test": 2}}'),
        ("setup.py", "print 'python 2'\n"),
        ("setup.py", "setup(**x)\nsetup(name=compute())\n"),
        ("noxfile.py", "def tests(:\n"),
        ("Pipfile", "[packages\n"),
        ("tox.toml", "[[\n"),
        ("tox.ini", "[testenv]\ndeps = {[testenv]deps}\n"),
        ("test_a.py", "\0\0\xff"),
    ],
)
def test_strange_files_break_nothing(plant: Any, name: str, text: str) -> None:
    detect(plant({name: text}))


def test_options_hidden_in_dependencies_reach_nobody(plant: Any) -> None:
    root = plant(
        {
            "tox.ini": "[testenv]\ndeps =\n  pytest\n  --index-url=http://evil\n  -r../outside.txt\n  -r/etc/passwd\n"
            "commands = pytest\n"
        }
    )
    (root.parent / "outside.txt").write_text("evil\n")
    found = detect(root)
    assert (found.packages, found.requirements) == (("pytest",), ())


def test_nothing_outside_the_tree_is_read(plant: Any, tmp_path: Path) -> None:
    root = plant({"app.py": ""})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "test_a.py").write_text(PYTEST)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    (root / "pyproject.toml").symlink_to(tmp_path / "pyproject.toml")
    (root / "tests").symlink_to(tmp_path / "outside")
    os.mkfifo(root / "setup.cfg")
    found = detect(root)
    assert (found.project, found.frameworks) == ("project", ())


def test_generated_and_foreign_folders_are_not_looked_at(plant: Any) -> None:
    found = detect(plant({"node_modules/a/test_a.py": PYTEST, ".venv/test_b.py": PYTEST, "build/test_c.py": PYTEST}))
    assert (found.frameworks, found.languages) == ((), ())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Shop.API_v2", "shop-api-v2"),
        ("@scope/pad", "pad"),
        ("2048", "project-2048"),
        ("---", "project"),
        ("x" * 99, "x" * 63),
    ],
)
def test_names(text: str, name: str) -> None:
    assert slug(text) == name


def test_submodules_are_named_and_never_taken_as_wanted(tmp_path: Path) -> None:
    (tmp_path / ".gitmodules").write_text(
        '[submodule "lib"]\n\tpath = vendor/lib\n\turl = https://elsewhere.example/lib.git\n'
        '[submodule "a b"]\n  path=deep/a b  \n  url = ../x\n'
    )
    found = detect(tmp_path)
    assert found.submodules == ("deep/a b", "vendor/lib")
    (said,) = [each for each in found.conclusions if each.subject == "submodules"]
    assert "submodules: true" in said.reason
    assert effective(Config(), found).submodules is False
    text = file_text(found)
    assert "\n# submodules: true\n" in text
    assert load(text).config.submodules is False
    assert load(text.replace("# submodules: true", "submodules: true")).config.submodules is True

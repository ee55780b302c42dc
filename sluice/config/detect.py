"""Find out what a source tree is: how it is tested, what it needs, what it could serve. Reads files, runs nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sluice.config.frameworks import frameworks
from sluice.config.javascript import REPORT, Script, find_script, read_package
from sluice.config.manifest import Manifest, read_manifest
from sluice.config.needs import Needs, needs
from sluice.config.packages import source_packages
from sluice.config.recipes import recipes
from sluice.config.services import FoundService, find_service
from sluice.config.texts import PackageName, ProjectPath, Requirement
from sluice.config.tree import Tree

PYTHON_LOCKS = ("uv.lock", "pylock.toml", "poetry.lock", "pdm.lock", "Pipfile.lock")
LOCK_FILES = (*PYTHON_LOCKS, "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "npm-shrinkwrap.json")
DEPENDENCY_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "package.json", "*requirements*.txt")
BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in", "Makefile", "Procfile", "package.json")

_SUBMODULE = re.compile(r"^\s*path\s*=\s*(\S.*?)\s*$", re.M)
FrameworkName = Literal["pytest", "unittest", "behave", "robot", "command"]


class Conclusion(BaseModel):
    """One thing that was found, and why Sluice thinks so."""

    model_config = ConfigDict(frozen=True)

    subject: str
    found: str
    reason: str


class Detected(BaseModel):
    """What a source tree is. `conclusions` says of each part why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str
    languages: tuple[str, ...] = ()
    frameworks: tuple[FrameworkName, ...] = ()
    paths: tuple[str, ...] = Field(default=(), description="where tests are that the framework would not find itself")
    command: tuple[str, ...] = ()
    report: str | None = None
    setup: tuple[tuple[str, ...], ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    coverage_source: tuple[str, ...] = ()
    package: bool = Field(default=False, description="the project can be installed as a Python package")
    requires_python: str | None = None
    lock_files: tuple[str, ...] = ()
    dockerfiles: tuple[str, ...] = ()
    dependency_files: tuple[str, ...] = ()
    build_files: tuple[str, ...] = ()
    submodules: tuple[str, ...] = Field(default=(), description="paths that .gitmodules declares")
    service_command: tuple[str, ...] = ()
    service_health: str = "/"
    service_version: str | None = None
    conclusions: tuple[Conclusion, ...] = ()


def detect(directory: Path, name: str | None = None) -> Detected:
    """Return what the tree in `directory` is.

    Args:
        directory: a source tree; read only, nothing of it is executed.
        name: what the project is called when it does not say so itself; the directory's name by default.

    Raises:
        ConfigError: pyproject.toml, setup.cfg, tox.ini or package.json cannot be parsed.
    """
    tree = Tree(directory)
    manifest, package = read_manifest(tree), read_package(tree)
    found = _Findings()
    project = _project(manifest, package.get("name"), name or directory.resolve().name, found)
    languages = _languages(tree, manifest, bool(package), found)
    tests = _tests(tree, manifest, find_script(tree, package) if package else None, found)
    service = find_service(tree, manifest) if "python" in languages else None
    code = _code(tree, manifest, found) if "python" in languages else {}
    return Detected(
        project=project,
        languages=languages,
        **tests,
        **code,
        **_files(tree, found),
        submodules=_submodules(tree, found),
        **_service(service, found),
        conclusions=tuple(found.conclusions),
    )


class _Findings:
    def __init__(self) -> None:
        self.conclusions: list[Conclusion] = []

    def add(self, subject: str, found: str, reason: str) -> None:
        shown = (
            " ".join(found.split()),
            " ".join(reason.split()),
        )  # one line each, also in the comments of `sluice init`
        found, reason = ("".join(c if c.isprintable() else "�" for c in text) for text in shown)
        self.conclusions.append(Conclusion(subject=subject, found=found, reason=reason))


def slug(text: str) -> str:
    """Return `text` as a project's name: lower-case letters, digits and hyphens."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower().rpartition("/")[2]).strip("-")
    return (name if name[:1].isalpha() else f"project-{name}".strip("-"))[:63].rstrip("-")


def _project(manifest: Manifest, package: object, fallback: str, found: _Findings) -> str:
    declared = manifest.name or ((package, "name in package.json") if isinstance(package, str) and package else None)
    name, reason = declared or (fallback, "the name of the directory")
    found.add("project", slug(name), reason)
    return slug(name)


def _languages(tree: Tree, manifest: Manifest, javascript: bool, found: _Findings) -> tuple[str, ...]:
    languages = []
    sources = tree.named("*.py")
    if sources or manifest.pyproject.get("project"):
        languages.append("python")
        found.add("language", "python", f"{len(sources)} Python files")
    if javascript:
        languages.append("javascript")
        found.add("language", "javascript", "package.json")
    return tuple(languages)


def _tests(tree: Tree, manifest: Manifest, script: Script | None, found: _Findings) -> dict[str, object]:
    ways = recipes(tree, manifest)
    wants = needs(tree, manifest, ways)
    runs = frameworks(tree, manifest, ways, wants.wanted)
    result: dict[str, object] = {"frameworks": [framework.name for framework in runs]}
    for framework in runs:
        found.add("test framework", framework.name, framework.reason)
    if len(runs) == 1 and runs[0].paths and not (script and script.command):
        result["paths"] = runs[0].paths  # several frameworks would get each other's
    if script:
        result |= _script(script, found, [framework.name for framework in runs])
    elif not runs:
        found.add("test framework", "none", "no settings, test files, features, suites or test script were found")
    if runs:
        result |= _installed(wants, found)
    return result


def _script(script: Script, found: _Findings, runs: list[str]) -> dict[str, object]:
    found.add("test framework", "command" if script.command else "none", script.reason)
    if not script.command:
        return {}
    settings = {
        "command": script.command,
        "report": REPORT,
        "setup": script.setup,
        "env": script.env,
    }
    return {**settings, "frameworks": [*runs, "command"]}


def _installed(wants: Needs, found: _Findings) -> dict[str, object]:
    """Return what is installed for the tests; what `sluice.yaml` would refuse is left out, and said."""
    for name, reason in wants.reasons:
        found.add("test dependencies", name, reason)
    kinds = {"groups": PackageName, "extras": PackageName, "requirements": ProjectPath, "packages": Requirement}
    result: dict[str, object] = {}
    for kind, form in kinds.items():
        good = []
        for text in getattr(wants, kind):
            try:
                good.append(TypeAdapter(form).validate_python(text))
            except ValidationError:
                found.add("test dependencies", "left out", f"{text!r} is no {kind.rstrip('s')} that sluice.yaml takes")
        result[kind] = tuple(good)
    return result


def _code(tree: Tree, manifest: Manifest, found: _Findings) -> dict[str, object]:
    package = manifest.package
    found.add("package", "yes" if package else "no", package or "nothing says how to install it")
    sources, why = source_packages(tree, manifest)
    found.add("coverage", ", ".join(sources) or "not narrowed", why)
    python = manifest.requires_python
    if python:
        found.add("python", *python)
    return {
        "package": bool(package),
        "coverage_source": sources,
        "requires_python": python[0] if python else None,
    }


def _files(tree: Tree, found: _Findings) -> dict[str, object]:
    docker = tuple(
        n for n in tree.named("Dockerfile", "Dockerfile.*", "*.Dockerfile", "Containerfile") if n.count("/") < 4
    )
    locks = tuple(name for name in LOCK_FILES if tree.has(name))
    for name in docker:
        found.add("Dockerfile", name, "checked by hadolint and trivy")
    for name in locks:
        found.add("lock file", name, "pins what is installed")
    if tree.truncated:
        found.add("size", f"{len(tree.files)} files", "the tree is larger; only these were looked at")
    dependency = tuple(name for name in tree.named(*DEPENDENCY_FILES) if name.count("/") < 3)
    build = tuple(name for name in tree.files if name in BUILD_FILES)
    return {"dockerfiles": docker, "lock_files": locks, "dependency_files": dependency, "build_files": build + docker}


def _submodules(tree: Tree, found: _Findings) -> tuple[str, ...]:
    """Return the paths of declared submodules; they are never taken as wanted, for their URLs are not trusted."""
    paths = tuple(sorted(_SUBMODULE.findall(tree.read(".gitmodules") or "")))
    if paths:
        why = ".gitmodules; fetched only with `submodules: true`, and only from the repository's own host"
        found.add("submodules", ", ".join(paths), why)
    return paths


def _service(service: FoundService | None, found: _Findings) -> dict[str, object]:
    if service is None:
        found.add("service", "none", "no Procfile, script or module that listens; nothing is deployed")
        return {}
    found.add("service", " ".join(service.command), service.reason)
    found.add(
        "health path", service.health, "found in the code" if service.health != "/" else "none found; / must answer"
    )
    return {
        "service_command": service.command,
        "service_health": service.health,
        "service_version": service.version,
    }

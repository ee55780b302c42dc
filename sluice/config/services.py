"""How the project's service is started, when it is one: a Procfile, a script, or a module that listens."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from sluice.config.manifest import Manifest
from sluice.config.shapes import table
from sluice.config.texts import SHELL
from sluice.config.tree import Tree

READ = 200  # source files whose text is looked at
_SERVER = re.compile(
    r"^\s*(?:from|import)\s+(http\.server|socketserver|flask|fastapi|starlette|uvicorn|hypercorn|gunicorn|waitress|"
    r"aiohttp\.web|aiohttp|tornado|sanic|bottle|cherrypy|litestar|wsgiref\.simple_server)\b",
    re.MULTILINE,
)
_RUNS = re.compile(r"serve_forever|uvicorn\.run|run_app|web\.run_app|\.run\(|serve\(|run_simple|make_server|\.listen\(")
_HEALTH = re.compile(r"""["'](/(?:healthz?|health[-_]?check|ready|readyz|live|livez|ping|up|status))/?["']""")
_VERSION = re.compile(r"""["'](/version)["']""")
_PORT = re.compile(r"\$\{?PORT(?::-\d+)?\}?")


@dataclass(frozen=True)
class FoundService:
    """A service: the words that start it, where it answers that it is healthy, and why Sluice thinks so."""

    command: tuple[str, ...]
    health: str
    version: str | None
    reason: str


def find_service(tree: Tree, manifest: Manifest) -> FoundService | None:
    """Return how the project's service is started, None when it looks like no service."""
    code = _code(tree)
    health = next((match[1] for text in code.values() if (match := _HEALTH.search(text))), "/")
    knows = any("SLUICE_COMMIT" in text for text in code.values())  # else /version could not say which release it is
    version = next((match[1] for text in code.values() if knows and (match := _VERSION.search(text))), None)
    found = _procfile(tree) or _script(manifest, code) or _module(code)
    return FoundService(found[0], health, version, found[1]) if found else None


def _code(tree: Tree) -> dict[str, str]:
    """Return the project's own Python files, tests left out: module path → text."""
    names = [name for name in tree.named("*.py") if not re.match(r"(?:tests?|docs|examples|benchmarks)/", name)]
    return {name: tree.read(name) or "" for name in names[:READ]}


def _procfile(tree: Tree) -> tuple[tuple[str, ...], str] | None:
    for line in (tree.read("Procfile") or "").splitlines():
        if line.startswith("web:"):
            command = _PORT.sub("__PORT__", line.removeprefix("web:").strip())
            if SHELL.search(command):
                return None  # needs a shell, which a command as a list of words has not
            try:
                words = tuple(word.replace("__PORT__", "{port}") for word in shlex.split(command))
            except ValueError:
                return None
            return (words, "web in Procfile") if words else None
    return None


def _script(manifest: Manifest, code: dict[str, str]) -> tuple[tuple[str, ...], str] | None:
    scripts = {**manifest.tool("poetry", "scripts"), **table(manifest.project, "scripts")}
    for name, target in scripts.items():
        module = str(target).partition(":")[0].replace(".", "/")
        for path, text in code.items():
            if path.removeprefix("src/") in (f"{module}.py", f"{module}/__init__.py") and _listens(text, path, code):
                return (str(name),), f"[project.scripts].{name} in pyproject.toml, and its package listens"
    return None


def _module(code: dict[str, str]) -> tuple[tuple[str, ...], str] | None:
    for path, text in code.items():
        if path.endswith("/__main__.py") and _listens(text, path, code):
            module = path.removeprefix("src/").removesuffix("/__main__.py").replace("/", ".")
            return ("python", "-m", module), f"{path}, and its package listens"
    return None


def _listens(text: str, path: str, code: dict[str, str]) -> bool:
    """Tell whether a file, or a file beside it, imports a server and runs it."""
    folder = path.rpartition("/")[0]
    beside = [other for name, other in code.items() if name.rpartition("/")[0] == folder] if folder else [text]
    return any(_SERVER.search(other) for other in beside) and any(_RUNS.search(other) for other in beside)

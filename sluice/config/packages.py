"""Where a Python project's own code is: what coverage measures."""

from __future__ import annotations

import re

from sluice.config.manifest import Manifest
from sluice.config.shapes import entries, table, texts
from sluice.config.tree import Tree

_NO_SOURCE = re.compile(
    r"tests?|testing|docs?|examples?|benchmarks?|scripts?|tools?|tasks|features|samples|setup|conftest|noxfile|"
    r"test_.*|.*_test|fabfile|dodo|manage|versioneer|bin|ci|wsgi|asgi",
    re.IGNORECASE,
)


_NO_CODE = "no package or module of its own was found"


def source_packages(tree: Tree, manifest: Manifest) -> tuple[tuple[str, ...], str]:
    """Return what coverage measures and why; nothing where the project has settings of its own for that."""
    own = _own_settings(tree, manifest)
    if own:
        return (), f"coverage's own settings in {own}"
    for folder in _code_folders(tree, manifest):
        if any(name.endswith(".py") for name in tree.match(f"{folder}/*")):
            return (folder,), f"{folder}/ holds the project's code"
    packages = sorted({name.split("/")[0] for name in tree.match("*/__init__.py") if name.count("/") == 1})
    packages = [name for name in packages if not _NO_SOURCE.fullmatch(name)]
    modules = [name[:-3] for name in tree.match("*.py") if "/" not in name and not _NO_SOURCE.fullmatch(name[:-3])]
    if packages:
        return (*packages, *_declared_modules(manifest, modules)), f"packages at the root: {', '.join(packages)}"
    return tuple(modules), f"modules at the root: {', '.join(modules)}" if modules else _NO_CODE


def _own_settings(tree: Tree, manifest: Manifest) -> str | None:
    if tree.has(".coveragerc"):
        return ".coveragerc"
    if manifest.tool("coverage"):
        return "pyproject.toml"
    for name, sections in (("setup.cfg", manifest.setup_cfg), ("tox.ini", manifest.tox)):
        if any(section.startswith("coverage:") for section in sections):
            return name
    return None


def _code_folders(tree: Tree, manifest: Manifest) -> list[str]:
    """Return folders that hold the packages: `src`, or what the build settings name."""
    where = texts(table(manifest.tool("setuptools", "packages", "find")).get("where"))
    package_dir = table(manifest.tool("setuptools", "package-dir")).get("")
    poetry = [table(part).get("from") for part in entries(manifest.tool("poetry").get("packages"))]
    old = re.findall(r"=\s*([\w./-]+)", manifest.setup_cfg.get("options", {}).get("package_dir", ""))
    folders = dict.fromkeys([*where, package_dir, *poetry, *old, "src"])
    return [name.strip("/") for name in folders if isinstance(name, str) and name not in (".", "") and tree.has(name)]


def _declared_modules(manifest: Manifest, modules: list[str]) -> list[str]:
    declared = texts(manifest.tool("setuptools").get("py-modules")) + texts(manifest.setup.get("py_modules"))
    return [name for name in modules if name in declared]

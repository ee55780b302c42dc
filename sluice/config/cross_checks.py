"""Checks across the sections of `sluice.yaml`.

They look at the plain data, whatever else is wrong with it, so that one reading shows every problem.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sluice.config.explain import dotted
from sluice.config.migrate_checks import migration_problems
from sluice.config.problems import Path, Places, Problem
from sluice.config.shapes import entries, table
from sluice.config.waivers import waiver_problems
from sluice.errors import quote


def cross_check(data: dict[str, Any], places: Places) -> list[Problem]:
    """Return the problems that no single field shows."""
    checks = (
        _routes,
        _service,
        _own_command,
        _engines,
        _freezes,
        _canaries,
        _command,
        _shards,
        _skip,
        _ports,
        _variables,
        _smoke_names,
        _promotion,
        _image,
        waiver_problems,
        migration_problems,
    )
    return [Problem(places.value(path), text) for check in checks for path, text in check(data)]


def _environments(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in table(data, "environments"):
        yield name, table(data, "environments", name)


def _routes(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Each route has one kind of ref, goes to a declared environment, and can be reached."""
    taken: dict[tuple[str, str], int] = {}
    for index, route in enumerate(entries(data.get("deploy"))):
        if not isinstance(route, dict):
            continue
        path: Path = ("deploy", index)
        kinds = [kind for kind in ("branch", "tag") if route.get(kind) is not None]
        if len(kinds) != 1:
            how = "both branch and tag" if kinds else "neither branch nor tag"
            yield path, f"{dotted(path)}: found {how}, allowed: one of them; write two routes for two kinds of ref"
        else:
            glob = str(route[kinds[0]])
            if (kinds[0], glob) in taken:
                first = dotted(("deploy", taken[kinds[0], glob]))
                yield path, f"{dotted(path)}: never reached, {first} takes {kinds[0]} {quote(glob)} already"
            taken.setdefault((kinds[0], glob), index)
        yield from _destination(data, route.get("to"), (*path, "to"))


def _destination(data: dict[str, Any], name: Any, path: Path) -> Iterator[tuple[Path, str]]:
    known = list(table(data, "environments"))
    if not isinstance(name, str) or name in known:
        return
    meant = difflib.get_close_matches(name, known, n=1)
    hint = f" (did you mean {quote(meant[0])}?)" if meant else ""
    allowed = ", ".join(known) or "none is declared; add it under `environments`"
    yield path, f"{dotted(path)}: environment {quote(name)} is not declared{hint}, allowed: {allowed}"


def _promotion(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """A release is promoted from another declared environment, and along a way that begins somewhere."""
    before = {name: environment.get("promote_from") for name, environment in _environments(data)}
    for name, environment in _environments(data):
        path: Path = ("environments", name, "promote_from")
        if environment.get("promote_from") == name:
            yield path, f"{dotted(path)}: {quote(name)} cannot be promoted from itself"
        elif circle := _circle(name, before):
            way = " from ".join(map(quote, circle))
            yield path, f"{dotted(path)}: {way} is a circle, and no release could ever enter it"
        elif environment.get("promote_from") is not None:
            yield from _destination(data, environment["promote_from"], path)


def _circle(name: str, before: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the way of promotions that leads from an environment back to it; empty when none does."""
    way = [name]
    while isinstance(following := before.get(way[-1]), str) and following not in way:
        way.append(following)
    return (*way, name) if following == name else ()


def _image(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """An image goes to a repository; what only a bundle has is not declared beside one."""
    build = table(data, "build")
    kind, image = build.get("kind", "auto"), build.get("image")
    if kind == "image" and image is None:
        yield ("build", "kind"), "build: key 'image' is missing; say where the image goes: image.repository"
    if kind == "bundle" and image is not None:
        yield ("build", "image"), "build.image: would never be used with kind `bundle`; remove one"
    if kind != "bundle" and isinstance(image, dict):
        for key in ("python", "include", "exclude", "extras"):
            if build.get(key):
                path: Path = ("build", key)
                yield path, f"{dotted(path)}: is of bundles; an image is what its Dockerfile says; remove one"


def _service(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    if entries(data.get("deploy")) and data.get("service") is None:
        yield ("deploy",), "deploy: there are routes but no `service`; say how the release is started: service.command"


def _own_command(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Only an image knows by itself how it is started."""
    if not isinstance(data.get("service"), dict) or table(data, "service").get("command"):
        return
    for name, environment in _environments(data):
        if environment.get("target", "process") == "process":
            yield ("service",), f"service: key 'command' is missing; target `process` of {quote(name)} needs it"
            return


def _engines(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Whoever reaches an engine is root on its machine: over the network only with certificates."""
    for name, _ in _environments(data):
        docker = table(data, "environments", name, "docker")
        path: Path = ("environments", name, "docker", "engine")
        by_tcp = str(docker.get("engine", "")).startswith("tcp://")
        if by_tcp and not docker.get("tls"):
            yield path, f"{dotted(path)}: tcp:// needs `tls` with ca, cert and key, else anybody is root there"
        elif docker.get("tls") and not by_tcp:
            yield path[:-1], f"{dotted(path[:-1])}.tls: only an engine at tcp:// takes certificates; remove it"
        if docker.get("ssh") and not str(docker.get("engine", "")).startswith("ssh://"):
            yield path[:-1], f"{dotted(path[:-1])}.ssh: only an engine at ssh:// takes a key; remove it"


def _freezes(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for name, environment in _environments(data):
        for index, freeze in enumerate(entries(environment.get("freeze"))):
            try:
                begins, ends = (datetime.fromisoformat(str(freeze[key])) for key in ("from", "to"))
                wrong = ends <= begins
            except (KeyError, TypeError, ValueError):
                continue  # told where the field is read
            if wrong:
                path: Path = ("environments", name, "freeze", index)
                yield path, f"{dotted(path)}: it ends before it begins"


def _canaries(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Steps that nobody goes are a mistake."""
    for name, environment in _environments(data):
        strategy = environment.get("strategy", "blue-green")
        if environment.get("canary") is not None and strategy == "blue-green":
            path: Path = ("environments", name, "canary")
            yield path, f"{dotted(path)}: would never be used with strategy `blue-green`; add `strategy: canary`"


def _command(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Framework `command` needs to know what to run and where its report is; nothing else uses them."""
    test = table(data, "test")
    frameworks = entries(test.get("frameworks"))
    declared = [key for key in ("command", "report") if test.get(key)]
    if "command" in frameworks or declared:
        for key in ("command", "report"):
            if not test.get(key):
                why = "test.frameworks names `command`" if "command" in frameworks else f"test.{declared[0]} is given"
                yield ("test", *declared[:1]), f"test: key {key!r} is missing; {why}, which needs command and report"
    if declared and frameworks and "command" not in frameworks:
        path: Path = ("test", "frameworks")
        yield (
            path,
            f"test.frameworks: does not name `command`, so test.{declared[0]} would never be used; add `command`",
        )


def _shards(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    test = table(data, "test")
    shards = test.get("shards")
    by_command = "command" in entries(test.get("frameworks")) or test.get("command")
    if by_command and isinstance(shards, int) and shards > 1:
        yield (
            ("test", "shards"),
            f"test.shards: found {shards}, allowed: 1 with `command`, whose tests Sluice cannot split",
        )


def _skip(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    test = table(data, "test")
    for key in ("frameworks", "command"):
        if test.get("skip") and test.get(key):
            yield ("test", "skip"), f"test.skip: says that there are no tests, but test.{key} is given; remove one"


def _ports(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    taken: dict[int, str] = {}
    for name, environment in _environments(data):
        port = environment.get("port")
        if isinstance(port, int) and port in taken:
            path: Path = ("environments", name, "port")
            yield path, f"{dotted(path)}: port {port} is taken by environment {quote(taken[port])}; give each its own"
        elif isinstance(port, int):
            taken[port] = name


def _variables(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """One name, one value: not a variable and a secret, not the variable of the port."""
    port_variable = table(data, "service").get("port_variable", "PORT")
    for name, environment in _environments(data):
        for variable in table(environment, "secrets"):
            if variable in table(environment, "variables"):
                path: Path = ("environments", name, "secrets", variable)
                yield path, f"{dotted(path)}: {variable} is in `variables` too; keep one"
        for kind in ("variables", "secrets"):
            if port_variable in table(environment, kind):
                path = ("environments", name, kind, port_variable)
                yield path, f"{dotted(path)}: {port_variable} is set by Sluice for each replica; remove it"


def _smoke_names(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """A check's name is its own in its section."""
    sections: list[tuple[Path, dict[str, Any]]] = [(("smoke",), table(data, "smoke"))]
    sections += [(("environments", name, "smoke"), table(e, "smoke")) for name, e in _environments(data)]
    for path, smoke in sections:
        names: set[str] = set()
        for index, check in enumerate(entries(smoke.get("checks"))):
            name = check.get("name") if isinstance(check, dict) else None
            if isinstance(name, str) and name in names:
                here: Path = (*path, "checks", index, "name")
                yield here, f"{dotted(here)}: name {quote(name)} is used twice; reports could not tell them apart"
            names |= {name} if isinstance(name, str) else set()

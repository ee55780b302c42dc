"""Which Docker engines an environment's containers may be on: written before the first is started there."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sluice.config.docker import DockerConfig
from sluice.settings import Home
from sluice.targets.files import write_private

_CONFIGS = TypeAdapter(tuple[DockerConfig, ...])


class Engines:
    """`apps/<project>/<environment>/engines.json` of a home: where to ask; what runs there, the engine itself tells."""

    def __init__(self, home: Home) -> None:
        self._apps = home.root / "apps"

    def known(self, project: str, environment: str) -> tuple[DockerConfig, ...]:
        """Return how each engine is reached."""
        try:
            return _CONFIGS.validate_json(self._file(project, environment).read_bytes())
        except (OSError, ValidationError):
            return ()

    def add(self, project: str, environment: str, config: DockerConfig) -> None:
        """Remember an engine, with the newest way to reach it."""
        others = [each for each in self.known(project, environment) if each.engine != config.engine]
        self._write(project, environment, (*others, config))

    def drop(self, project: str, environment: str, config: DockerConfig) -> None:
        """Forget an engine that has nothing of the environment any more."""
        others = [each for each in self.known(project, environment) if each.engine != config.engine]
        self._write(project, environment, tuple(others))

    def _write(self, project: str, environment: str, configs: tuple[DockerConfig, ...]) -> None:
        write_private(self._file(project, environment), _CONFIGS.dump_json(configs).decode())

    def _file(self, project: str, environment: str) -> Path:
        return self._apps / project / environment / "engines.json"

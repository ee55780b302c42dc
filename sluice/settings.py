"""Where Sluice keeps its state and which outside parts replace the embedded ones."""

from __future__ import annotations

import os
from functools import cached_property, lru_cache
from pathlib import Path

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sluice.errors import ConfigError, quote


class Home:
    """The one directory that holds all of Sluice's state; every path in it has its name here.

    Args:
        root: absolute path; made with mode 0700 by :meth:`make`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def make(self) -> Home:
        """Create the directory tree, readable by its owner only; return self."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.artifacts, self.mirrors, self.workspaces, self.environments, self.releases):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.runs, self.service_logs, self.secrets, self.cache, self.results):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.chmod(0o700)
        return self

    @property
    def artifacts(self) -> Path:
        """Content-addressed files: `artifacts/ab/<sha256>`."""
        return self.root / "artifacts"

    @property
    def mirrors(self) -> Path:
        """Bare git mirrors, one a repository."""
        return self.root / "mirrors"

    @property
    def workspaces(self) -> Path:
        """Clean checkouts, `workspaces/<run id>/<stage>`; removed when the run ends."""
        return self.root / "workspaces"

    @property
    def environments(self) -> Path:
        """Cached Python environments, by the digest of their inputs."""
        return self.root / "environments"

    @property
    def releases(self) -> Path:
        """Unpacked releases of the process target: `releases/<digest>`."""
        return self.root / "releases"

    @property
    def runs(self) -> Path:
        """Logs of runs: `runs/<run id>/<stage>.log`."""
        return self.root / "runs"

    @property
    def results(self) -> Path:
        """Prefect's persisted task results."""
        return self.root / "results"

    @property
    def service_logs(self) -> Path:
        """Logs of the services that `sluice up` starts."""
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        """Generated secrets (Prefect's auth string, keys), mode 0600 each."""
        return self.root / "secrets"

    @property
    def cache(self) -> Path:
        """Caches of outside tools; safe to delete while nothing runs."""
        return self.root / "cache"

    @property
    def backups(self) -> Path:
        """Dumps of the services' databases: `backups/<project>/<environment>/<id>.dump`, mode 0600 each."""
        return self.root / "backups"

    @property
    def postgres(self) -> Path:
        """Data directory of the embedded Postgres."""
        return self.root / "postgres"

    @property
    def prefect(self) -> Path:
        """PREFECT_HOME of the embedded Prefect."""
        return self.root / "prefect"

    @property
    def caddy(self) -> Path:
        """Configuration and state of the embedded proxy."""
        return self.root / "caddy"

    @property
    def supervisor(self) -> Path:
        """Configuration, socket and included programs of the process manager."""
        return self.root / "supervisor"

    @property
    def services_file(self) -> Path:
        """`services.json`: addresses chosen at the first `sluice up`."""
        return self.root / "services.json"

    def run_logs(self, run_id: str) -> Path:
        """Return the folder that holds the stage logs of run `run_id`."""
        return self.runs / run_id


class Settings(BaseSettings):
    """Settings from the environment; each can be left out.

    `SLUICE_<NAME>` sets a field (`SLUICE_HOME`, `SLUICE_DATABASE_URL`, `SLUICE_TOOL_TRIVY` …).
    """

    model_config = SettingsConfigDict(env_prefix="SLUICE_", extra="ignore", frozen=True)

    home_path: Path = Field(
        default_factory=lambda: platformdirs.user_state_path("sluice"),
        validation_alias="SLUICE_HOME",
        description="Directory of all state; default: the XDG state directory.",
    )
    database_url: SecretStr | None = Field(
        default=None, description="Outside Postgres for Sluice's tables (postgresql://…); default: embedded."
    )
    reader_url: SecretStr | None = Field(
        default=None, description="Login of `sluice sql` in an outside Postgres, granted sluice_reader."
    )
    prefect_api_url: str | None = Field(
        default=None,
        validation_alias="PREFECT_API_URL",
        description="Outside Prefect server; default: the embedded one.",
    )
    prefect_auth: SecretStr | None = Field(default=None, validation_alias="PREFECT_API_AUTH_STRING")
    postgres_port: int | None = Field(default=None, ge=1, le=65535, description="Port of the embedded Postgres.")
    prefect_port: int | None = Field(default=None, ge=1, le=65535, description="Port of the embedded Prefect server.")
    caddy_port: int | None = Field(default=None, ge=1, le=65535, description="Port of the proxy's admin API.")
    trivy_db: str | None = Field(
        default=None,
        description="Vulnerability data: a directory with trivy.db and metadata.json, or an OCI repository.",
    )
    trivy_db_max_age_days: float = Field(default=7.0, gt=0, description="Older vulnerability data is stale (S01).")
    clean_after_days: float = Field(
        default=30.0, ge=0, description="What nobody used for so long is removed once a day; 0: never."
    )
    keep_days: int = Field(
        default=400, ge=31, description="Days after which months of test results, logs and findings are dropped."
    )
    log_limit_mb: float = Field(default=50.0, gt=0, description="MiB of one stage's log that are kept, beside its end.")
    prefect_patience: float = Field(
        default=120.0, gt=0, description="Seconds for which a run waits for a Prefect server that does not answer."
    )
    work_pool: str = Field(default="sluice", description="Prefect work pool that runs the pipeline.")
    git_credentials: str = Field(
        default="",
        description="Logins for private https repositories, e.g. `git.example=env:TOKEN`; or a Git Host block.",
    )
    allow_file_remotes: bool = Field(default=True, description="Allow git remotes that are local paths.")

    def __init__(self, **values: object) -> None:
        try:
            super().__init__(**values)  # type: ignore[arg-type]  # pydantic-settings' own options come before ours
        except ValidationError as error:
            raise _wrong(error) from None

    @cached_property
    def home(self) -> Home:
        """Return the state directory as an absolute :class:`Home`."""
        return Home(self.home_path.expanduser().absolute())

    @property
    def log_limit(self) -> int:
        """Return the limit of a stage's log in bytes."""
        return int(self.log_limit_mb * (1 << 20))


def current_settings() -> Settings:
    """Return the settings of the environment as it is now; a run asks for them some twenty times.

    Raises:
        ConfigError: `SETTINGS`: every setting that is wrong.
    """
    return _settings_of(tuple(sorted(os.environ.items())))


@lru_cache(maxsize=1)
def _settings_of(_environment: tuple[tuple[str, str], ...]) -> Settings:
    return Settings()


def _wrong(error: ValidationError) -> ConfigError:
    """Return every setting that is wrong as one error; secrets are not quoted."""
    lines = []
    for each in error.errors(include_url=False):
        name = str(each["loc"][0])
        variable = name if name.isupper() else f"SLUICE_{name.upper()}"
        field = next((f for n, f in Settings.model_fields.items() if name in (n, f.validation_alias)), None)
        secret = field is None or "SecretStr" in str(field.annotation)
        lines.append(f"{variable}: {each['msg']}" + ("" if secret else f", found {quote(each['input'])}"))
    return ConfigError(
        "settings of the environment are wrong:\n" + "\n".join(lines),
        code="SETTINGS",
        next_step="Correct or unset them, then run again.",
    )

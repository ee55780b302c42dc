"""Secrets that Sluice makes for its own services: files of mode 0600 below `home/secrets`."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sluice.settings import Home

POSTGRES_PASSWORD = "postgres-password"  # noqa: S105 - the name of the file
PREFECT_PASSWORD = "prefect-password"  # noqa: S105 - the name of the file
READER_PASSWORD = "reader-password"  # noqa: S105 - the name of the file
PREFECT_KEY = "prefect-encryption-key"
PREFECT_USER = "sluice"


@dataclass(frozen=True)
class Credentials:
    """The generated secrets of one home."""

    postgres_password: str = field(repr=False)
    prefect_password: str = field(repr=False)
    prefect_key: str = field(repr=False)

    @property
    def prefect_auth(self) -> str:
        """Return `user:password` for the embedded Prefect server."""
        return f"{PREFECT_USER}:{self.prefect_password}"


def make(home: Home) -> Credentials:
    """Return the secrets of `home`, generated at the first call."""
    return Credentials(
        postgres_password=_secret(home.secrets / POSTGRES_PASSWORD, _token),
        prefect_password=_secret(home.secrets / PREFECT_PASSWORD, _token),
        prefect_key=_secret(home.secrets / PREFECT_KEY, _fernet_key),
    )


def read(home: Home) -> Credentials | None:
    """Return the secrets of `home`; None when they were never made."""
    files = [home.secrets / name for name in (POSTGRES_PASSWORD, PREFECT_PASSWORD, PREFECT_KEY)]
    if not all(file.exists() for file in files):
        return None
    return Credentials(*(file.read_text(encoding="ascii") for file in files))


def make_reader_password(home: Home) -> str:
    """Return the password of the role that only reads, generated at the first call."""
    return _secret(home.secrets / READER_PASSWORD, _token)


def reader_password(home: Home) -> str | None:
    """Return the password of the role that only reads; None before its first `sluice up`."""
    path = home.secrets / READER_PASSWORD
    return path.read_text(encoding="ascii") if path.exists() else None


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 that is whole or not there."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _secret(path: Path, generate: Callable[[], str]) -> str:
    if not path.exists():
        write_private(path, generate())
    return path.read_text(encoding="ascii")


def _token() -> str:
    return secrets.token_urlsafe(24)  # safe in a URL as it is


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()

"""The login of a registry, its password read from where the declaration says."""

from __future__ import annotations

from sluice import secrets
from sluice.config.docker import RegistryLogin
from sluice.tools.docker.registry_session import Login


def login_of(declared: RegistryLogin | None) -> Login | None:
    """Return the login with its password; None: anonymous.

    Raises:
        SecretError: there is nothing behind the reference.
    """
    if declared is None:
        return None
    found = secrets.resolve({"password": declared.password}, "build.image.login")
    return Login(declared.username, found["password"])

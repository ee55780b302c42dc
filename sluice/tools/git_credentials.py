"""The login for a private https repository: found by its host, given to git by a credential helper.

It is in git's environment while git runs, and nowhere else: in no argument, no URL, no file, no configuration. The
helper answers for one host only, so that a server that redirects elsewhere gets nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sluice import masks, secrets
from sluice.errors import ConfigError
from sluice.settings import current_settings
from sluice.tools import prefect_blocks
from sluice.tools.git_location import Location

USERNAME = "x-access-token"  # GitHub's name for it; GitLab, Gitea and others take any with an access token
SETTING = "SLUICE_GIT_CREDENTIALS"
_USER, _TOKEN = "SLUICE_GIT_USER", "SLUICE_GIT_TOKEN"
_HELPER = f'!f() {{ test "$1" = get && printf "username=%s\\npassword=%s\\n" "${_USER}" "${_TOKEN}"; }}; f'
_KNOWN: dict[str, Credential] = {}  # of this process: a run asks several times, and blocks are a request each


@dataclass(frozen=True)
class Credential:
    """Who we are at a host (`host` or `host:port`), and the token."""

    host: str
    username: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        """Keep the token out of all logs."""
        masks.learn([self.token])

    def variables(self) -> dict[str, str]:
        """Return the variables that make git, and git-lfs, answer this host's question for a login."""
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"credential.https://{self.host}.helper",
            "GIT_CONFIG_VALUE_0": _HELPER,
            _USER: self.username,
            _TOKEN: self.token,
        }


def host_name(host: str) -> str:
    """Return a host as it stands in a URL's normal form."""
    return host.strip().lower().removesuffix(":443")


def host_of(location: Location) -> str:
    """Return `host` or `host:port` of an https repository; empty for every other."""
    parts = urlsplit(location.url) if location.url.startswith("https://") and not location.local else None
    return host_name(parts.netloc) if parts else ""


def known(location: Location) -> dict[str, str]:
    """Return git's variables with the login that this process has found for the host before; none otherwise."""
    found = _KNOWN.get(host_of(location))
    return found.variables() if found else {}


def find(location: Location) -> dict[str, str]:
    """Return git's variables with the host's login: from the setting, else from a Git Host block; none otherwise.

    Raises:
        ConfigError: the setting is malformed, or its reference leads nowhere.
        PrefectDownError: the blocks cannot be read now.
    """
    host = host_of(location)
    if host and host not in _KNOWN:
        found = _from_setting(host) or _from_blocks(host)
        if found is not None:
            _KNOWN[host] = found
    return known(location)


def forget() -> None:
    """Forget all logins of this process: tests change them."""
    _KNOWN.clear()


def parse(setting: str) -> dict[str, str]:
    """Return host → secret reference of a setting such as `git.example.com=env:TOKEN, other:8443=file:/path`.

    Raises:
        ConfigError: `GIT_CREDENTIALS`.
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in setting.split(","))):
        host, separator, reference = part.partition("=")
        kind = reference.strip().partition(":")[0]
        if not (separator and host.strip() and kind in ("env", "file", "block")):
            raise ConfigError(
                "a git credential is a host and a secret reference",
                code="GIT_CREDENTIALS",
                where=SETTING,
                found=host if separator else None,  # never what may be the token itself
                allowed="host=env:NAME, host=file:/absolute/path or host=block:NAME, with commas between",
                next_step=f"Correct {SETTING}, then `sluice up` again.",
            )
        found[host_name(host)] = reference.strip()
    return found


def _from_setting(host: str) -> Credential | None:
    reference = parse(current_settings().git_credentials).get(host)
    if reference is None:
        return None
    try:
        value = secrets.resolve({host: reference}, SETTING)[host]
    except secrets.SecretError as error:
        raise ConfigError(
            error.message, code=error.code, where=error.where, allowed=error.allowed, next_step=error.next_step
        ) from error
    user, separator, token = value.strip().partition(":")
    return Credential(host, user, token) if separator else Credential(host, USERNAME, user)


def _from_blocks(host: str) -> Credential | None:
    for fields in prefect_blocks.read_all(prefect_blocks.GIT_HOST).values():
        if host_name(str(fields.get("host", ""))) == host and fields.get("token"):
            return Credential(host, str(fields.get("username") or USERNAME), str(fields["token"]))
    return None

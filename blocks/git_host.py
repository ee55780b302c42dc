"""The login to a git host: checkout uses it for private https repositories there."""

from __future__ import annotations

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from sluice.tools.git_credentials import USERNAME, Credential, host_name
from sluice.tools.prefect_blocks import GIT_HOST


class GitHost(Block):
    """Login for the private https repositories of one git host.

    Sluice finds the block by its host, whatever the block is called; git gets the token from a credential helper, and
    only when that host asks for it.
    """

    _block_type_name = "Sluice Git Host"
    _block_type_slug = GIT_HOST

    host: str = Field(
        title="Host",
        description="Host as it stands in the URL, with the port when it is not 443.",
        examples=["git.example.com", "git.example.com:8443"],
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?$",
    )
    username: str = Field(
        default=USERNAME,
        title="User name",
        description="User of the token; many hosts take any name with an access token.",
        pattern=r"^[^\s:]+$",
    )
    token: SecretStr = Field(title="Token", description="Access token with read access to the repositories.")

    def credential(self) -> Credential:
        """Return the login as checkout uses it."""
        return Credential(host_name(self.host), self.username, self.token.get_secret_value())

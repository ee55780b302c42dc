"""Prefect blocks that a person fills in the Prefect UI; `sluice up` registers every class that is named here."""

from blocks.git_host import GitHost
from blocks.service_environment import ServiceEnvironment

__all__ = ["GitHost", "ServiceEnvironment"]

"""Who may say that a release goes to an environment, and when nobody may."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sluice.config.model import Environment
from sluice.errors import DeployRefusedError


class NotApproverError(DeployRefusedError):
    """Somebody decides who may not."""

    code = "NOT_AN_APPROVER"


def refuse_wrong_approver(who: str, approvers: Iterable[str], author: str, where: str) -> None:
    """Refuse who is not among the approvers, and who wrote the commit.

    Args:
        author: `name <address>`; the name, the address and its part before the @ are the same person.

    Raises:
        NotApproverError: `NOT_AN_APPROVER`, `OWN_COMMIT`.
    """
    known = {each.casefold() for each in approvers}
    if who.casefold() not in known:
        raise NotApproverError(
            "this person may not decide about the deploy",
            where=where,
            found=who,
            allowed=", ".join(sorted(known)),
            next_step="Ask one of them.",
        )
    if who.casefold() in _names(author):
        raise NotApproverError(
            "the author of a commit does not approve it",
            code="OWN_COMMIT",
            where=where,
            found=who,
            allowed=", ".join(sorted(known - _names(author))) or "nobody else; add one to `approvers`",
            next_step="Ask somebody else.",
        )


def refuse_frozen(declaration: Environment, environment: str, now: datetime) -> None:
    """Refuse a deploy while the environment is frozen.

    Raises:
        DeployRefusedError: `FROZEN`, with the reason and the end.
    """
    for freeze in declaration.freeze:
        if datetime.fromisoformat(freeze.start) <= now < datetime.fromisoformat(freeze.end):
            raise DeployRefusedError(
                f"{environment} is frozen: {freeze.reason}",
                code="FROZEN",
                where=f"environments.{environment}.freeze",
                allowed=f"from {freeze.end} on",
                next_step="Wait, or change the freeze in sluice.yaml; a rollback is possible all the time.",
            )


def _names(author: str) -> set[str]:
    name, _, rest = author.partition("<")
    address = rest.rstrip("> ")
    return {each.strip().casefold() for each in (name, address, address.partition("@")[0])} - {""}

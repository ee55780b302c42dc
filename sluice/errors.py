"""The one error tree.

Every error that a user can meet is a :class:`SluiceError`: it knows its code, its exit code, whether the world
(and so a retry) could mend it, and what the user does next. Anything else that escapes is a bug in Sluice.
"""

from __future__ import annotations

from enum import IntEnum

from sluice import masks

FOUND_LIMIT = 80  # printable characters of what was found that a message quotes


class Exit(IntEnum):
    """Exit codes of the `sluice` command; documented in docs/errors.md."""

    GREEN = 0
    BUG = 1
    USAGE = 2
    DEPLOY_REFUSED = 3
    TESTS_RED = 10
    BUILD_FAILED = 11
    FINDINGS = 12
    DEPLOY_FAILED = 13
    SMOKE_FAILED = 14
    ROLLED_BACK = 15
    CONTRACT_REJECTED = 16
    INFRASTRUCTURE = 20
    CANCELLED = 130


def quote(value: object) -> str:
    """Return `value` as it may be shown: without secrets, escaped, at most 80 characters, in quotes."""
    text = masks.hide(str(value))
    shown = text if len(text) <= FOUND_LIMIT else text[: FOUND_LIMIT - 1] + "…"
    return repr(shown)


class SluiceError(Exception):
    """Base of every expected failure.

    Args:
        message: what is wrong, in one line, without the code.
        code: stable upper-case name, unique to the cause (`REF_INVALID`).
        where: file:line:column, field, or stage; empty when the message says it.
        found: the offending value; shown escaped and cut to 80 characters.
        allowed: the limit, or what would have been accepted.
        next_step: what the user does now.

    Secrets that this process has read are hidden in all of it: a tail of output is the usual next step.
    """

    code = "SLUICE"
    exit_code = Exit.BUG
    transient = False
    next_step = ""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        where: str = "",
        found: object | None = None,
        allowed: str = "",
        next_step: str | None = None,
    ) -> None:
        self.message = masks.hide(message)
        super().__init__(self.message)
        self.code = code or type(self).code
        self.where = masks.hide(where)
        self.found = masks.hide(found) if isinstance(found, str) else found
        self.allowed = masks.hide(allowed)
        self.next_step = type(self).next_step if next_step is None else masks.hide(next_step)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by state: keyword-only arguments do not survive the default way."""
        return (_rebuild, (type(self), self.message, dict(self.__dict__)))

    def __str__(self) -> str:
        """Return `CODE: what, where, found, allowed. Next step.` on one line."""
        parts = [f"{self.code}: {self.message}"]
        if self.where:
            parts.append(f"at {self.where}")
        if self.found is not None:
            parts.append(f"found {quote(self.found)}")
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        text = ", ".join(parts)
        return f"{text}. {self.next_step}" if self.next_step else text


def _rebuild(cls: type[SluiceError], message: str, state: dict[str, object]) -> SluiceError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class UsageError(SluiceError):
    """The command line, a ref, a path or a parameter is wrong."""

    code = "USAGE"
    exit_code = Exit.USAGE


class ConfigError(SluiceError):
    """`sluice.yaml` or a setting is wrong; holds every problem found, one a line."""

    code = "CONFIG"
    exit_code = Exit.USAGE


class InfrastructureError(SluiceError):
    """The world failed (service, network, disk, tool), not the user's code."""

    code = "INFRASTRUCTURE"
    exit_code = Exit.INFRASTRUCTURE
    next_step = "Run `sluice doctor` and `sluice status`, then run again."


class TransientError(InfrastructureError):
    """An infrastructure failure that a bounded retry may mend."""

    code = "TRANSIENT"
    transient = True


class ToolMissingError(InfrastructureError):
    """An outside program that this stage needs is not on this machine."""

    code = "TOOL_MISSING"


class CommandError(SluiceError):
    """An outside program ended with an exit code that its caller does not accept."""

    code = "COMMAND_FAILED"
    exit_code = Exit.INFRASTRUCTURE


class TestsRedError(SluiceError):
    """Tests ran, the report is true, and some failed."""

    __test__ = False  # pytest collects names that begin with Test
    code = "TESTS_RED"
    exit_code = Exit.TESTS_RED


class BuildFailedError(SluiceError):
    """The build ran and the project does not build."""

    code = "BUILD_FAILED"
    exit_code = Exit.BUILD_FAILED


class FindingsError(SluiceError):
    """The scan is true and found something at or above the gate."""

    code = "FINDINGS"
    exit_code = Exit.FINDINGS


class DeployRefusedError(SluiceError):
    """This deploy cannot be begun: no service, a missing secret, the environment is locked."""

    code = "DEPLOY_REFUSED"
    exit_code = Exit.DEPLOY_REFUSED


class DeployFailedError(SluiceError):
    """The new release never became healthy; the old one still serves."""

    code = "DEPLOY_FAILED"
    exit_code = Exit.DEPLOY_FAILED


class SmokeFailedError(SluiceError):
    """The release answers wrongly, and there is no release to go back to."""

    code = "SMOKE_FAILED"
    exit_code = Exit.SMOKE_FAILED


class RolledBackError(SluiceError):
    """The release was bad and the previous one serves again."""

    code = "ROLLED_BACK"
    exit_code = Exit.ROLLED_BACK


class ContractRejectedError(SluiceError):
    """A boundary stopped the run: what a stage produced is not true."""

    code = "CONTRACT_REJECTED"
    exit_code = Exit.CONTRACT_REJECTED


class CancelledRunError(SluiceError):
    """Somebody stopped the run."""

    code = "CANCELLED"
    exit_code = Exit.CANCELLED

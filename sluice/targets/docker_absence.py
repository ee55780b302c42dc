"""Why an image cannot be had: gone, refused, changed, or its registry does not answer."""

from __future__ import annotations

from sluice.config.docker import RegistryLogin
from sluice.errors import DeployFailedError, SluiceError, TransientError
from sluice.tools.docker.pull import Failure

ABSENT = {
    "gone": "neither local nor in the registry",
    "refused": "not local, and the registry refuses us",
    "changed": "not local, and the registry gives other bytes than their digest says",
    "down": "not local, and the registry does not answer",
}


class ImageGoneError(DeployFailedError):
    """The image can be had neither from the engine nor from the registry."""

    code = "IMAGE_GONE"
    next_step = "Build it again (`sluice run --fresh`), or name another release."


def absence(failure: Failure) -> str:
    """Return in words why an image that is not local cannot be pulled either."""
    words = ABSENT[failure.kind]
    return f"{words}: {failure.words}" if failure.kind == "down" else words


def not_pulled(reference: str, failure: Failure, login: RegistryLogin | None) -> SluiceError:
    """Return the error of a pull that failed."""
    if failure.kind == "refused":
        return ImageGoneError(
            "the registry refuses the pull",
            code="PULL_REFUSED",
            where=reference,
            found=login.username if login else "no login",
            next_step="Correct `docker.login` of the environment.",
        )
    if failure.kind == "changed":
        return ImageGoneError(
            "the registry gives other bytes than their digest says",
            code="DIGEST_MISMATCH",
            where=reference,
            found=failure.words,
            next_step="Look who changed it (`sluice verify DIGEST`), and build again: `sluice run --fresh`.",
        )
    if failure.kind == "gone":
        return ImageGoneError("the image is neither local nor in the registry", where=reference, found=failure.words)
    return TransientError(
        "the registry does not answer the engine", code="REGISTRY_DOWN", where=reference, found=failure.words
    )

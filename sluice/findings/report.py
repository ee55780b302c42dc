"""Reading what a scanner wrote."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sluice.errors import InfrastructureError

Model = TypeVar("Model", bound=BaseModel)


class ScannerReportError(InfrastructureError):
    """A scanner ended without a report that can be read."""

    code = "SCANNER_REPORT"
    next_step = "Read the stage's log: the scanner says there what went wrong."


def read_report(model: type[Model], text: str | bytes, tool: str) -> Model:
    """Return the parsed report of `tool`.

    Raises:
        ScannerReportError: empty, cut, not JSON, or not of the form that this tool writes.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ScannerReportError(
            f"the report of {tool} cannot be read: {first['msg']}", where=where, found=str(first["input"])[:200]
        ) from error

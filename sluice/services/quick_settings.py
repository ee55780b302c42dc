"""Prefect's settings as variables, written once: for each run the worker would write them twice, 30 ms of CPU each."""

from __future__ import annotations

from prefect.settings import Settings

_write = Settings.to_environment_variables
_written: dict[tuple[int, bool, bool, bool], tuple[Settings, dict[str, str]]] = {}
KEPT = 8


def once(
    self: Settings, exclude_unset: bool = False, include_secrets: bool = True, include_aliases: bool = False
) -> dict[str, str]:
    """Return what Prefect's own method returns, for settings that nobody changes once they are made."""
    key = (id(self), exclude_unset, include_secrets, include_aliases)
    if key not in _written:
        if len(_written) >= KEPT:
            _written.clear()
        # With the settings themselves: while they are kept, no others can get their id.
        _written[key] = (self, _write(self, exclude_unset, include_secrets, include_aliases))
    return dict(_written[key][1])


setattr(Settings, "to_environment_variables", once)  # noqa: B010 - mypy refuses the plain assignment to a method

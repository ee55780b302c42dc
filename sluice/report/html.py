"""The report as one HTML file: no script, no request to anywhere, light and dark, readable on a telephone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sluice import __version__
from sluice.cli.screen import mark, seconds
from sluice.report.document import Report
from sluice.report.words import plain, several, short, uncoloured
from sluice.states import CheckStatus

BAD = (CheckStatus.FAILED, CheckStatus.COULD_NOT_RUN)
TONES = {"green": "good", "red": "bad", "yellow": "warn", "cyan": "busy", "dim": "quiet"}


def render(report: Report, pictures: Mapping[str, str] | None = None) -> str:
    """Return the whole page. Every text of a stranger is escaped, and what acts in it is made visible.

    Args:
        pictures: SHA-256 → `data:` address of attachments that are shown in it.
    """
    longest = max((stage.seconds or 0.0 for stage in report.run.stages), default=0.0)
    known = {"report": report, "run": report.run, "longest": longest or 1.0, "pictures": pictures or {}}
    page: str = _environment().get_template("report.html").render(**known, now=datetime.now(UTC), sluice=__version__)
    return page


@lru_cache(maxsize=1)
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sluice.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    environment.filters |= {
        "seconds": seconds,
        "short": short,
        "uncoloured": uncoloured,
        "size": size,
        "moment": lambda value: f"{value:%Y-%m-%d %H:%M:%S} UTC" if value else "",
        "percent": lambda value: "" if value is None else f"{value:.1%}",
        "sign": lambda state: mark(state)[0],
        "tone": tone,
    }
    environment.tests |= {"bad_check": lambda check: check.status in BAD}
    environment.globals |= {"several": several}
    return environment


def tone(state: str) -> str:
    """Return the class of a state: good, bad, warn, busy or quiet."""
    return TONES.get(mark(state)[1], "quiet")


def size(value: int | None) -> str:
    """Return bytes for people: `640 B`, `48 KiB`, `1.2 MiB`."""
    if value is None:
        return ""
    if value < 1 << 10:
        return f"{value} B"
    return f"{value / (1 << 10):.0f} KiB" if value < 1 << 20 else f"{value / (1 << 20):.1f} MiB"

"""A secret that is hard to hide, and the forms in which programs print it."""

from __future__ import annotations

import base64
import html
import json
import shlex
from urllib.parse import quote, quote_plus

from sluice import masks

VALUE = """p&ss "w√rd"/+é'<tok>"""
DATA = VALUE.encode()
FORMS = (
    VALUE,
    json.dumps(VALUE)[1:-1],
    repr(VALUE)[1:-1],
    html.escape(VALUE),
    shlex.quote(VALUE)[1:-1],
    quote(VALUE, safe=""),
    quote_plus(VALUE),
    DATA.hex(),
    base64.b64encode(DATA).decode()[:-4],
    base64.b64encode(b"x" + DATA).decode()[4:-4],
    base64.b64encode(b"xy" + DATA).decode()[4:-4],
    base64.urlsafe_b64encode(DATA).decode()[:-4],
)


def told_in(texts: list[str]) -> list[str]:
    """Return the forms that are in any of the texts, as they are or once HTML is undone."""
    everything = "\n".join([*texts, *map(html.unescape, texts)])
    return [form for form in (*FORMS, *masks.forms(VALUE)) if form in everything]

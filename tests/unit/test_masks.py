"""Known secret values are hidden in every form that programs print them in, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
import pickle
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from sluice import masks, secrets
from sluice.errors import SluiceError
from sluice.tools.git_credentials import Credential

VALUE = """p&ss "w√rd"/+é'<tok>"""
FORMS = {
    "raw": VALUE,
    "json": json.dumps({"password": VALUE}),
    "json, not escaped": json.dumps([VALUE], ensure_ascii=False),
    "repr": repr([VALUE]),
    "xml": f"<p a='{html.escape(VALUE)}'/>",
    "shell": shlex.join(["login", VALUE]),
    "url": "https://host/?p=" + quote(VALUE, safe=""),
    "url, lower case": "https://host/?p=" + quote(VALUE, safe="").lower(),
    "form": "p=" + quote_plus(VALUE),
    "base64": base64.b64encode(VALUE.encode()).decode(),
    "base64 of user:password": base64.b64encode(f"me:{VALUE}".encode()).decode(),
    "base64 in the middle": base64.b64encode(f"user:{VALUE} and more".encode()).decode(),
    "base64 for urls": base64.urlsafe_b64encode(f"x{VALUE}".encode()).decode(),
    "hex": VALUE.encode().hex(),
    "HEX": VALUE.encode().hex().upper(),
}


@pytest.fixture(autouse=True)
def only_here() -> Iterator[None]:
    masks.forget()
    yield
    masks.forget()


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_hidden(form: str) -> None:
    text = f"before {FORMS[form]} after"
    assert masks.hide(text) == text
    masks.learn([VALUE])
    hidden = masks.hide(text)
    assert "***" in hidden
    assert hidden.startswith("before ")
    assert hidden.endswith(" after")
    assert not any(needle in hidden for needle in masks.forms(VALUE))


@pytest.mark.parametrize("field", ["message", "where", "found", "allowed", "next_step"])
def test_an_error_hides_it_wherever_it_stands(field: str) -> None:
    masks.learn([VALUE])
    told = {"message": "it failed", field: f"token {VALUE}"}
    error = SluiceError(**told)  # type: ignore[arg-type] - each field takes text
    for said in (str(error), str(error.args), str(vars(pickle.loads(pickle.dumps(error))))):
        assert not any(form in said for form in masks.forms(VALUE))
    assert "token ***" in str(error)


def test_an_error_hides_it_in_an_error_that_was_found() -> None:
    masks.learn([VALUE])
    assert str(SluiceError("it failed", found=OSError(VALUE))) == "SLUICE: it failed, found '***'"


def test_each_line_of_a_key_is_hidden() -> None:
    masks.learn(["-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\nabc\n-----END KEY-----\n"])
    assert masks.hide("x MIIEowIBAAKCAQEA y") == "x *** y"
    assert masks.hide("abc") == "abc", "too short to be told from other text"


def test_what_overlaps_and_what_is_short() -> None:
    masks.learn(["password-one", "password-one-and-two", "short"])
    assert masks.hide("password-one-and-two password-one short") == "*** *** short"
    assert masks.too_short({"PIN": "short", "TOKEN": "password-one"}) == ("PIN",)


def test_whoever_reads_a_secret_has_it_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_ENV", "value-of-env")
    (tmp_path / "key").write_text("value-of-file\n")
    secrets.learn(["env:FROM_ENV", f"file:{tmp_path / 'key'}", "env:NOT_THERE", "block:asked-later"])
    assert masks.hide("value-of-env value-of-file") == "*** ***"
    monkeypatch.setenv("OTHER", "value-of-other")
    secrets.resolve({"A": "env:OTHER"}, "here")
    Credential("git.example.com", "me", "value-of-token")
    assert masks.hide("value-of-other value-of-token") == "*** ***"

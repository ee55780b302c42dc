"""References lead to values or to a refusal that names the place and never the value."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.command import mask
from sluice.secrets import PlaceholderError, SecretError, placeholder, refuse_placeholders, refuse_weak, resolve

WHERE = "environments.staging.secrets"


def test_values_come_from_the_environment_and_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_TOKEN", "tok en:with=all")
    file = tmp_path / "key"
    file.write_text("line one\nline two\n")

    assert resolve({"TOKEN": "env:OUR_TOKEN", "KEY": f"file:{file}"}, WHERE) == {
        "TOKEN": "tok en:with=all",
        "KEY": "line one\nline two",
    }


@pytest.mark.parametrize(
    ("reference", "code", "says"),
    [
        ("env:NOT_SET_ANYWHERE", "SECRET_MISSING", "NOT_SET_ANYWHERE is not set"),
        ("file:/no/such/file", "SECRET_MISSING", "/no/such/file cannot be read: No such file or directory"),
        ("file:relative", "SECRET_REFERENCE", "a reference, not a value"),
        ("env:", "SECRET_REFERENCE", "a reference, not a value"),
        ("hunter2", "SECRET_REFERENCE", "a reference, not a value"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(reference: str, code: str, says: str) -> None:
    with pytest.raises(SecretError) as caught:
        resolve({"TOKEN": reference}, WHERE)

    assert (caught.value.code, caught.value.where) == (code, f"{WHERE}.TOKEN")
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_binary_and_huge_files_are_no_secrets(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge").write_text("x" * 70_000)

    with pytest.raises(SecretError, match="not UTF-8"):
        resolve({"A": f"file:{tmp_path}/binary"}, WHERE)
    with pytest.raises(SecretError, match="too large"):
        resolve({"A": f"file:{tmp_path}/huge"}, WHERE)


@pytest.mark.parametrize(
    "value", ["", "  ", "changeme", "CHANGE_ME", "Change-Me", "replace me", "TODO", "<token>", "a${B}c", "{{ x }}"]
)
def test_a_placeholder_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(PlaceholderError) as caught:
        refuse_placeholders({"TOKEN": value}, WHERE)

    assert caught.value.where == f"{WHERE}.TOKEN"
    assert caught.value.found is None


@pytest.mark.parametrize("value", ["0", "false", "$5", "a{b}", "todo-list.example", "p4ss<word", "changeme-not"])
def test_a_real_value_is_taken(value: str) -> None:
    assert placeholder(value) == ""


@pytest.mark.parametrize(("value", "code"), [("abc", "SECRET_SHORT"), ("Password", "SECRET_COMMON")])
def test_what_cannot_be_masked_or_is_guessed_is_refused_without_being_shown(value: str, code: str) -> None:
    with pytest.raises(SecretError) as caught:
        refuse_weak({"TOKEN": value}, WHERE)
    assert (caught.value.code, caught.value.exit_code) == (code, 3)
    assert value not in str(caught.value)
    assert f"{WHERE}.TOKEN" in str(caught.value)


def test_good_secrets_are_let_through() -> None:
    refuse_weak({"TOKEN": "8 chars!", "KEY": "-----BEGIN-----\nabc\n-----END-----"}, WHERE)


def test_each_line_of_a_secret_is_masked() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n}\n"
    assert mask("line 1: MIIEvQIBADANBg {}", [key]) == "line 1: *** {}"
    assert mask(f"whole: {key}", [key]) == "whole: ***"

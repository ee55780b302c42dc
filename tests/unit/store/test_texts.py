"""Text that Postgres can hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from sluice.store.ingest.place import as_uuid
from sluice.store.texts import storable, storable_text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("plain", "plain"),
        ("ü😀", "ü😀"),
        ("a\0b", "a\ufffdb"),
        ("half \udc80", "half \ufffd"),
        ("\ud83d\ude00", "😀"),
        ("", ""),
    ],
)
def test_only_what_cannot_be_stored_is_replaced(text: str, stored: str) -> None:
    assert storable_text(text) == stored


@given(st.text(alphabet=st.characters()))
def test_any_text_can_be_stored(text: str) -> None:
    stored = storable_text(text)
    assert "\0" not in stored
    stored.encode()
    assert storable_text(stored) == stored


def test_json_is_mended_at_any_depth() -> None:
    assert storable({"a\0": ["\0", {"b": ("c", 1, None, True)}]}) == {
        "a\ufffd": ["\ufffd", {"b": ["c", 1, None, True]}]
    }
    wrapped = storable({"a": 1}, wrap=True)
    assert isinstance(wrapped, Jsonb)
    assert json.dumps(wrapped.obj) == '{"a": 1}'


def test_only_a_uuid_is_a_uuid() -> None:
    assert as_uuid("3F0F6C1E-7A0F-4A53-9D64-0F6F0D5F9F11") == "3f0f6c1e-7a0f-4a53-9d64-0f6f0d5f9f11"
    assert [as_uuid(text) for text in ("d-1", "", None)] == [None, None, None]

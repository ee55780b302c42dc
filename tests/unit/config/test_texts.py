"""The forms of text."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from sluice.config import texts


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        (texts.Name, ["a", "my-service2"], ["", "A", "2a", "-a", "a_b", "a" * 64, "a\n"]),
        (texts.Variable, ["A", "_x9"], ["", "9A", "A-B", "A=B", "A\n"]),
        (texts.HttpPath, ["/", "/a?b=c%20d"], ["", "a", "/a b", "http://x/", "/a\n"]),
        (
            texts.ProjectPath,
            ["tests", "a/b.xml", "*.xml", "./-k", "."],
            ["", " ", "/a", "../a", "a/../../b", "-k", "a\\b"],
        ),
        (
            texts.Requirement,
            ["pytest", "pytest>=8,<9", "a[b]; python_version<'3.12'"],
            ["", "-r x", "--index-url=x", "a\nb"],
        ),
        (texts.PackageName, ["test", "a.b-c_d", "t"], ["", "-a", "a-", "a b", "a;b"]),
        (texts.PythonVersion, ["3.11", "3.13.1", "3.13t", "pypy3.10"], ["", "3", "2.7", "4.1", "abc", "3.11; rm"]),
        (texts.SecretReference, ["env:A", "file:/a/b", "block:a-b"], ["", "A", "env:", "env:A-B", "file:a", "vault:a"]),
        (texts.JsonPath, ["$.a", "$", "$.a[0].b", "$['a b']"], ["", "a", "$.a[", ".a", "$$"]),
        (texts.Day, ["2026-12-31", "2028-02-29"], ["", "2026-02-30", "26-1-1", "2026-1-1", "31.12.2026", "2026-W01-1"]),
        (texts.RefGlob, ["main", "v*", "release/[0-9]*"], ["", "refs/heads/a", "-x", "a b"]),
        (texts.ServiceVariable, ["A", "MY_SLUICE_X"], ["SLUICE_COMMIT", "1A"]),
    ],
)
def test_forms(form: object, good: list[str], bad: list[str]) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(form)
    assert [adapter.validate_python(text) for text in good] == good
    for text in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


def test_every_pattern_is_said_in_words() -> None:
    from sluice.config.schema import schema_text

    for pattern, words in texts.PATTERNS.items():
        assert words
        assert words.isprintable()
        assert (
            pattern.encode("unicode_escape").decode() in schema_text()
            or "cpython" in pattern
            or pattern in schema_text()
        )

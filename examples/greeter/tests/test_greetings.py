"""What is said to whom."""

import pytest
from greeter.greetings import LONGEST_NAME, GreetingError, greet


@pytest.mark.parametrize(
    ("name", "language", "text"),
    [
        ("Ada", "en", "Hello, Ada!"),
        ("Ada", "de", "Guten Tag, Ada!"),
        ("Ada", "fr", "Bonjour, Ada !"),
        ("  Grace   Hopper ", "en", "Hello, Grace Hopper!"),
        ("Žofie", "en", "Hello, Žofie!"),
        ("{name}", "en", "Hello, {name}!"),
    ],
)
def test_greets(name: str, language: str, text: str) -> None:
    assert greet(name, language) == text


def test_the_longest_name_is_greeted() -> None:
    assert greet("x" * LONGEST_NAME) == f"Hello, {'x' * LONGEST_NAME}!"


@pytest.mark.parametrize(
    ("name", "language", "why"),
    [
        ("", "en", "empty"),
        ("   ", "en", "empty"),
        ("x" * (LONGEST_NAME + 1), "en", "longer than 60"),
        ("a\x07b", "en", "cannot be printed"),
        ("Ada", "tlh", "none of en, de, fr"),
    ],
)
def test_refuses(name: str, language: str, why: str) -> None:
    with pytest.raises(GreetingError, match=why):
        greet(name, language)

"""What the service says."""

from __future__ import annotations

LONGEST_NAME = 60  # characters
GREETINGS = {"en": "Hello, {name}!", "de": "Guten Tag, {name}!", "fr": "Bonjour, {name} !"}


class GreetingError(ValueError):
    """Nobody can be greeted like that; the message says why."""


def greet(name: str, language: str = "en") -> str:
    """Return the greeting of `name`; GreetingError for a name or a language that does not work."""
    name = " ".join(name.split())
    if not name:
        raise GreetingError("name is empty")
    if len(name) > LONGEST_NAME:
        raise GreetingError(f"name is longer than {LONGEST_NAME} characters")
    if not name.isprintable():
        raise GreetingError("name has characters that cannot be printed")
    if language not in GREETINGS:
        raise GreetingError(f"language is none of {', '.join(GREETINGS)}")
    return GREETINGS[language].format(name=name)

"""Whatever the file holds: a configuration, or an error that a person can read. Nothing else comes out."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sluice.config.load import load
from sluice.config.yaml_reader import read_yaml
from sluice.errors import ConfigError

SCALARS = st.sampled_from(
    ["1", "3.10", "true", "yes", "null", "~", "a", "'b'", '"\\0"', "!!int x", "*a", "&a b", ".inf", "5m", "-1"]
)
KEYS = st.sampled_from(
    ["test", "smoke", "deploy", "environments", "service", "to", "branch", "checks", "json", "<<", "a", "1"]
)


def flow(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(KEYS, children).map(": ".join), max_size=4)
    return pairs.map(lambda parts: f"{{{', '.join(parts)}}}") | st.lists(children, max_size=3).map(
        lambda parts: f"[{', '.join(parts)}]"
    )


VALUES = st.recursive(SCALARS, flow, max_leaves=12)
DOCUMENTS = st.lists(st.tuples(KEYS, VALUES).map(": ".join), max_size=5).map("\n".join)


def outcome(text: str | bytes) -> None:
    """Load `text`; an error has the form that people read, a line a problem."""
    shown = ""
    try:
        load(text)
    except ConfigError as error:
        shown = str(error)
    assert all(line.startswith("CONFIG: ") for line in shown.splitlines()[:-1])


@given(st.binary(max_size=200) | st.text(max_size=200))
@example("? ")
@example("- - -")
@example("&a")
@example("key: |\n  text\n")
@settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes(text: str | bytes) -> None:
    outcome(text)


@given(DOCUMENTS)
@example("<<: {<<: {a: 1}}")
@example("test: &a {env: *a}")
@example("deploy: [{<<: [{to: a}, 1]}]")
@settings(max_examples=100, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_document(text: str) -> None:
    outcome(text)


def test_plain_data_only() -> None:
    text = "a: 0o17\nb: 0x1F\nc: 1_000\nd: 1e3\ne: ~\nf: false\ng: 2026-01-01\nh: 1:30\ni: |\n  x\n  y\n'2': z\n"
    assert read_yaml(text, "x").data == {
        "a": 15, "b": 31, "c": 1000, "d": 1000.0, "e": None, "f": False, "g": "2026-01-01", "h": "1:30",
        "i": "x\ny\n", "2": "z",
    }  # fmt: skip

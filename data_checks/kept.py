"""Great Expectations without what it does again and again: half of a boundary's time.

Expectations: GX 1.24 rebuilds an expectation's configuration, a whole pydantic dump, for every single key that it looks
up: 40 times an expectation. The subclasses here, made in GX's own way to extend it, build it once when they are bound
to a batch. Before that they must not: GX writes suite parameters into what it gets. They can go when
`Expectation.configuration` is cached upstream.

Arguments of metrics: for each of an expectation's four metrics GX makes the expectation anew out of its configuration,
to ask it for the same values. Here it is made once for all that are asked for in a row.

Ids of metrics: GX turns what they are made of into JSON, a hundred times a boundary, by asking numpy about each value.
What is JSON already is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

PLAIN = (str, int, bool, type(None))


@cache
def kept(expectation_type: str) -> Any:
    """Return the class of `expectation_type` that keeps its configuration while it is bound to a batch."""
    from great_expectations.compatibility.pydantic import PrivateAttr
    from great_expectations.expectations.registry import get_expectation_impl

    base: Any = get_expectation_impl(expectation_type)

    def configuration(self: Any) -> Any:
        if self.batch_id is None:
            return base.configuration.fget(self)
        if self._configuration is None:
            self._configuration = base.configuration.fget(self)
        return self._configuration

    body = {
        "__module__": __name__,
        "__doc__": base.__doc__,
        "_configuration": PrivateAttr(default=None),
        "configuration": property(configuration),
    }
    return type(base)(f"Kept{base.__name__}", (base,), body)


class Once:
    """A configuration as GX's `get_metric_kwargs` reads it; its expectation is made once."""

    def __init__(self, configuration: Any) -> None:
        self.of, self.kwargs, self._made = configuration, configuration.kwargs, configuration.to_domain_obj()

    def to_domain_obj(self) -> Any:
        """Return the expectation; who asks only reads it."""
        return self._made


def once_each(ask: Callable[..., Any]) -> Callable[..., Any]:
    """Return `ask` (GX's `get_metric_kwargs`), which is given the last configuration's expectation again."""
    last: Once | None = None

    def asked(metric_name: str, configuration: Any = None, runtime_configuration: Any = None) -> Any:
        nonlocal last
        if configuration is not None and (last is None or last.of is not configuration):
            last = Once(configuration)
        given = None if configuration is None else last
        return ask(metric_name=metric_name, configuration=given, runtime_configuration=runtime_configuration)

    return asked


def plain_or(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return `convert` (GX's `convert_to_json_serializable`), which is not asked about what it would not change."""

    def converted(data: Any) -> Any:
        values = data.values() if type(data) is dict else (data,)
        return data if all(_is_plain(value) for value in values) else convert(data)

    return converted


def _is_plain(value: Any) -> bool:
    return type(value) in PLAIN or (type(value) is list and all(type(each) in PLAIN for each in value))

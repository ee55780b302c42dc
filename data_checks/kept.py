"""Great Expectations' own expectations, which keep their configuration instead of building it again.

GX 1.24 rebuilds an expectation's configuration, a whole pydantic dump, for every single key that it looks up: 40 times
an expectation, half of a boundary's time. The subclasses here, made in GX's own way to extend it, build it once when
they are bound to a batch. Before that they must not: GX writes suite parameters into what it gets. They can go when
`Expectation.configuration` is cached upstream.
"""

from __future__ import annotations

from functools import cache
from typing import Any


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

"""Every lie of the registry, made by really doing it, beside its honest twin.

A module here names its cases with `@lie("T04")` and `@twin("T04")`. A case does what its docstring says with the real
stage function, on the parts that its arguments name (fixtures of `conftest.py`), and returns the record with what the
runner knows; `told` holds it against the real contract. `python -m tests.faults.lies` (`make lies`) runs them all and
prints the table of `docs/no-silent-green.md`; with the document's name it renews it.
"""

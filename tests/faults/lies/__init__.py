"""Every lie of the registry, made by really doing it, beside its honest twin.

A module here names its cases with `@lie("T04")` and `@twin("T04")`. A case gets a `World`, does what it says with the
real stage function, and returns the record with the facts of its run; `told` holds it against the real contract.
`python -m tests.faults.lies` (`make lies`) runs them all and prints the table of `docs/no-silent-green.md`.
"""

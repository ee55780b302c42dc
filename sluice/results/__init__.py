"""Reading what test runners leave behind: JUnit XML and coverage, from code that nobody trusts.

The parsers (`junit`, `cobertura`, `lcov`, `coverage_json` and what they import) need the standard library only: they
run in a limited child process (`child`), which :mod:`sluice.results.box` starts.
"""

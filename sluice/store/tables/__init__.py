"""The tables of Sluice, one module a subject; `all` knows every one (importing them all costs 0.1 s)."""

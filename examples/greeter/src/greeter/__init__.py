"""A small HTTP service that greets."""

__version__ = "1.0.0"

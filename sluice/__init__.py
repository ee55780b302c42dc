"""Sluice: CI/CD on Prefect 3 with a contract at every stage boundary."""

__version__ = "0.1.0"

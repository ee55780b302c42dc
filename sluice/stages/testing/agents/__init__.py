"""Modules that are copied into a project's test environment and run there, by any Python from 3.7 on.

They use the standard library (and the project's own pytest) only, and watch: nothing they do changes a result.
"""

"""The running services, shared by all tests of this folder."""

from tests.stack import running_stack, stack

__all__ = ["running_stack", "stack"]

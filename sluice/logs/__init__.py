"""Logs of stages: a file that the stage writes, rows that follow it while it grows, and both read again."""

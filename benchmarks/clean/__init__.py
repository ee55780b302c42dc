"""Simulated histories: what really happens to a repository, a machine and a service in months of honest work.

Nothing here knows what a boundary allows. A project changes as people change projects; records and facts follow from
its state as they follow from a real tree.
"""

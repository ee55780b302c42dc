"""Frozen, picklable records: what stages hand to each other, one module a stage."""

"""The migrations of Sluice's tables."""

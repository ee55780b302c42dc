"""Docker engines and registries, by their APIs."""

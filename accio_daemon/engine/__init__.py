"""The engine: the one task that owns the World, and everything around it that awaits."""

"""Pages of live figures, each served by a process of its own."""

"""Apache: its configuration, its files and its processes."""

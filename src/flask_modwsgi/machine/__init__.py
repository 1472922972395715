"""The machine: its kind, its users, how much it can do."""

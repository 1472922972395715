"""Apache: what it is told, where its files are, which processes are its own."""

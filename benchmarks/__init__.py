"""How fast the generated project serves, beside the other ways to serve the same application."""

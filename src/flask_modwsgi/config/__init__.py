"""What is served: the project on disk and its settings."""

"""What Apache and the application log: written to files or shown, and read again."""

"""What Apache and the application write: put into files or shown, and read again."""

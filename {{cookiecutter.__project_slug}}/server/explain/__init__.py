"""What a code in the log means."""

"""Names the cause of a failure from what it left behind: log, exit status, counters, signals."""

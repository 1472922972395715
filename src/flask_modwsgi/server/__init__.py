"""The life of a server: tried, started, watched, reloaded, stopped."""

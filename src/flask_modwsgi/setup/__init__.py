"""Builds the environment the server runs in. Needs nothing but the standard library."""

"""Serves a Flask application through Apache and mod_wsgi."""

__version__ = "1.0.0"

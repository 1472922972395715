"""The Flask application."""

from collections.abc import Mapping
from typing import Any

from flask import Flask

from . import errors, health, views


def create_app(test_config: Mapping[str, Any] | None = None) -> Flask:
    """Build the application.

    Configuration comes from the defaults below, then from the environment
    variables that begin with ``FLASK_``, then from `test_config`.
    """
    app = Flask(__name__)
    app.config.from_mapping(
        SESSION_COOKIE_NAME="{{ cookiecutter.app_name }}_session",
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.config.from_prefixed_env()
    app.config.from_mapping(test_config or {})

    app.register_blueprint(views.bp)
    app.register_blueprint(health.bp)
    errors.register(app)
    return app

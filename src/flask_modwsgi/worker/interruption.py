"""Answers a request that mod_wsgi interrupted because it reached its limit."""

from collections.abc import Iterable
from typing import Any

import mod_wsgi  # type: ignore[import-not-found]  # exists only within Apache
from flask import Flask
from werkzeug.exceptions import GatewayTimeout


def answered(application: Any) -> Any:
    """`application`, but its own 504 and a traceback where mod_wsgi has an empty one and none.

    Flask cannot do that itself: mod_wsgi.RequestTimeout is no Exception, so that code which
    catches those does not go on.
    """
    if not isinstance(application, Flask):
        return application

    def limited(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except mod_wsgi.RequestTimeout:
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
            application.logger.exception("%s %s took longer than REQUEST_LIMIT", method, path)
            with application.request_context(environ):
                error = application.handle_http_exception(GatewayTimeout())
                response = application.make_response(error)
            return response(environ, start_response)

    return limited

"""What is done around each request, for ``./run status``, ``./run dump``, the log and the limit."""

import itertools
import threading
import time
from collections.abc import Iterable
from typing import Any

import mod_wsgi  # type: ignore[import-not-found]  # exists only within Apache
from flask import Flask, Response
from werkzeug.exceptions import GatewayTimeout

from . import app_logging

_numbers = itertools.count(1)
taken = 0  # how many requests this process has taken


def wrapped(application: Any) -> Any:
    """`application`, with a note of which thread works on which request and since when.

    Log lines get the id of the request, which stays until the thread's next one, for what is
    logged while the answer is sent. A request that mod_wsgi interrupts because it reached its
    limit is answered with the application's own 504, and has a traceback in the log. Flask cannot
    do that itself: mod_wsgi.RequestTimeout is no Exception.
    """

    def handle(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        global taken
        taken = next(_numbers)
        request_id = environ.get("REQUEST_ID", "")
        app_logging.request_id.set(request_id)
        mod_wsgi.request_data()["work"] = {
            "id": request_id,
            "thread": threading.get_ident(),
            "since": time.time(),
            "method": environ["REQUEST_METHOD"],
            "path": environ["SCRIPT_NAME"] + environ["PATH_INFO"],
        }
        try:
            answer: Iterable[bytes] = application(environ, start_response)
        except mod_wsgi.RequestTimeout:
            if not isinstance(application, Flask):
                raise
            answer = _timeout(application, environ)(environ, start_response)
        return answer

    return handle


def _timeout(application: Flask, environ: dict[str, Any]) -> Response:
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    application.logger.exception("%s %s took longer than REQUEST_LIMIT", method, path)
    with application.request_context(environ):
        return application.make_response(application.handle_http_exception(GatewayTimeout()))

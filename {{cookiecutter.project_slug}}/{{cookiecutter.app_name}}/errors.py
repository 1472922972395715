"""Every HTTP error as a page or as JSON, whichever the client prefers."""

from flask import Flask, jsonify, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, answer)


def answer(error: HTTPException) -> Response:
    """Keep the error's own status and headers (Allow, Retry-After); replace its body."""
    response = error.get_response()
    request_id = request.environ.get("REQUEST_ID")  # also in the logs and in X-Request-ID
    accepted = request.accept_mimetypes.best_match(["text/html", "application/json"])
    if accepted == "application/json":
        response.data = jsonify(
            code=error.code,
            name=error.name,
            description=error.description,
            request_id=request_id,
        ).data
    else:
        response.data = render_template("error.html", error=error, request_id=request_id)
    response.mimetype = accepted or "text/html"
    response.vary.add("Accept")
    return response

"""Addresses for whoever watches the application: load balancers, containers, monitoring."""

from flask import Blueprint, Response, jsonify

bp = Blueprint("health", __name__, url_prefix="/health")


@bp.get("/live")
def live() -> Response:
    """The process answers; if it does not, restart it."""
    return jsonify(status="alive")


@bp.get("/ready")
def ready() -> Response:
    """The process can do its work. Ask here for what that takes: a database, a queue."""
    return jsonify(status="ready")


@bp.after_request
def never_cache(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response

"""Health checks for load balancers, containers and monitoring."""

from flask import Blueprint, Response, jsonify

bp = Blueprint("health", __name__, url_prefix="/health")


@bp.get("/live")
def live() -> Response:
    """The process answers; if it does not, restart it."""
    return jsonify(status="alive")


@bp.get("/ready")
def ready() -> Response:
    """The process can do its work. Check here what it needs, such as a database or a queue."""
    return jsonify(status="ready")


@bp.after_request
def never_cache(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response

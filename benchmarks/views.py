"""Views that the benchmarks add to the generated application."""

import os
import signal
import time

from flask import Blueprint, Response, jsonify, request

# Seconds that the import of a large application takes, see modes.py.
IMPORT = float(os.environ.get("FLASK_BENCHMARK_IMPORT", "0"))
time.sleep(IMPORT)
bp = Blueprint("benchmark", __name__, url_prefix="/benchmark")


@bp.get("/json")
def json() -> Response:
    return jsonify(numbers=list(range(20)), text="x" * 100)


@bp.get("/wait")
def wait() -> str:
    """A slow database, for example."""
    time.sleep(0.02)
    return "waited"


@bp.post("/upload")
def upload() -> str:
    return str(len(request.get_data()))


@bp.get("/large")
def large() -> Response:
    """Five megabytes, for slow readers."""
    return Response(b"x" * 5_000_000, mimetype="application/octet-stream")


@bp.get("/die")
def die() -> str:
    """A crash in a library, for example."""
    os.kill(os.getpid(), signal.SIGKILL)
    return ""

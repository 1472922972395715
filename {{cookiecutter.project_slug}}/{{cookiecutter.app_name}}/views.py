"""The pages."""

from flask import Blueprint, render_template

from .welcome import served_by

bp = Blueprint("pages", __name__)


@bp.get("/")
def index() -> str:
    return render_template("index.html", served_by=served_by())

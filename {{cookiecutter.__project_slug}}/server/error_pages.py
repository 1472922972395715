"""What Apache answers when the application cannot: the application's own error page, made before.

Written by every process of the application when it has loaded, so that a reload renews them.
"""

import json
import os
from pathlib import Path
from typing import Any

from flask import render_template
from werkzeug.exceptions import HTTPException, default_exceptions

# What Apache and mod_wsgi answer by themselves; apache.conf has a line for each.
STATUSES = (400, 403, 404, 405, 408, 411, 413, 414, 417, 431, 500, 501, 502, 503, 504, 505)

# Stands for the id until Apache's mod_include puts that in; means nothing in HTML and in JSON.
PLACE = "request-id-goes-here"
REQUEST_ID = '<!--#echo var="UNIQUE_ID" -->'

# https://httpd.apache.org/docs/2.4/mod/mod_negotiation.html#typemaps: HTML is for who takes both.
TYPE_MAP = """\
URI: {status}

Content-Type: text/html; qs=1
Body:----html----
{html}
----html----

Content-Type: application/json; qs=0.9
Body:----json----
{json}
----json----
"""


def write(application: Any, folder: Path) -> None:
    """Write ``404.var`` and so on; each file is whole at every moment."""
    folder.mkdir(exist_ok=True)
    part = folder / f"{os.getpid()}.part"
    for status in STATUSES:
        error = default_exceptions[status]()
        pages = TYPE_MAP.format(status=status, html=_html(application, error), json=_json(error))
        part.write_text(pages.replace(PLACE, REQUEST_ID), encoding="utf-8")
        part.replace(folder / f"{status}.var")


def _html(application: Any, error: HTTPException) -> str:
    """The application's ``error.html``, or a plain page where it has none that works here."""
    try:
        with application.test_request_context():
            return render_template("error.html", error=error, request_id=PLACE)
    except Exception:
        title = f"{error.code} {error.name}"
        return (
            f'<!doctype html>\n<html lang="en">\n<title>{title}</title>\n<h1>{title}</h1>\n'
            f"<p>{error.description}</p>\n<p>Request {PLACE}</p>\n"
        )


def _json(error: HTTPException) -> str:
    fields = {"code": error.code, "name": error.name, "description": error.description}
    return json.dumps(fields | {"request_id": PLACE})

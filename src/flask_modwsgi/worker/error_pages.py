"""What Apache answers when the application cannot: the application's error pages, made before.

Written by every process of the application when it has loaded, so that a reload renews them.
"""

import functools
import json
import os
from pathlib import Path
from typing import Any

from jinja2 import Environment, Template, TemplateNotFound, meta
from werkzeug.exceptions import HTTPException, default_exceptions

from ..apache import app_profile, proxy_status
from . import app_logging

# Stand for what Apache's mod_include puts in; mean nothing in HTML, JSON and URLs.
REQUEST_ID = "request-id-goes-here"
PREFIX = "/prefix-goes-here"
ECHO = {
    REQUEST_ID: '<!--#echo var="REQUEST_ID" -->',
    PREFIX: "<!--#if expr=\"-n v('PREFIX_OUTSIDE')\" -->"
    '<!--#echo var="PREFIX_OUTSIDE" --><!--#endif -->',
}

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
    own = app_profile.flask_object(application)
    failures: list[Exception] = []
    for status in proxy_status.STATUSES:
        error = default_exceptions[status]()
        html = _html(own, error, failures)
        pages = TYPE_MAP.format(status=status, html=html, json=_json(error))
        for place, echo in ECHO.items():
            pages = pages.replace(place, echo)
        part.write_text(pages, encoding="utf-8")
        part.replace(folder / f"{status}.var")
    if failures:
        app_logging.LOGGER.info(
            "error.html does not work with only error and request_id, without a request, so Apache's own"
            " errors have plain pages: %r",
            failures[0],
        )


def _html(application: Any, error: HTTPException, failures: list[Exception]) -> str:
    """The application's ``error.html``, or a plain page where it has none that works here.

    :param application: A Flask object, or None.
    :param failures: Gets the reason why it does not work.
    """
    try:
        if application is not None:
            root = PREFIX + application.config["APPLICATION_ROOT"].rstrip("/")
            with application.test_request_context(base_url=f"http://localhost{root}/"):
                context: dict[str, Any] = {"error": error, "request_id": REQUEST_ID}
                application.update_template_context(context)
                return str(_template(application.jinja_env).render(context))
    except TemplateNotFound:
        pass
    except Exception as failure:  # it may need a user who is logged in, for example
        failures.append(failure)
    title = f"{error.code} {error.name}"
    return (
        f'<!doctype html>\n<html lang="en">\n<title>{title}</title>\n<h1>{title}</h1>\n'
        f"<p>{error.description}</p>\n<p>Request {REQUEST_ID}</p>\n"
    )


@functools.cache
def _template(environment: Environment) -> Template:
    """The application's ``error.html``.

    If it does not use ``error``, as where the application gives it other variables, it fails where it would
    show one that is not there: the page would be blank.
    """
    template = environment.get_template("error.html")
    if not (environment.loader and environment.loader.has_source_access):
        return template
    source, *_ = environment.loader.get_source(environment, "error.html")
    if "error" in meta.find_undeclared_variables(environment.parse(source)):
        return template
    fails = {"__str__": environment.undefined._fail_with_undefined_error, "__slots__": ()}
    shown = type("Shown", (environment.undefined,), fails)
    return environment.overlay(undefined=shown).get_template("error.html")


def _json(error: HTTPException) -> str:
    fields = {"code": error.code, "name": error.name, "description": error.description}
    return json.dumps(fields | {"request_id": REQUEST_ID})

"""Which limits Flask has for the body of a request, beside MAX_UPLOAD_MB: it logs none of them.

https://flask.palletsprojects.com/en/stable/config/
"""

from contextlib import suppress
from typing import Any

_LIMITS = {
    "MAX_CONTENT_LENGTH": "bytes of a request",
    "MAX_FORM_MEMORY_SIZE": "bytes of a text in a form with files",
    "MAX_FORM_PARTS": "fields of a form with files",
}
_OF_VIEW = "flask_modwsgi.limits"


def watch(application: Any) -> None:
    """Keep the limits of each request that this Flask application refuses: a view may have its own."""
    with suppress(AssertionError):  # it has answered a request while it was loaded
        application.after_request(_keep)


def _keep(response: Any) -> Any:
    if response.status_code == 413:
        from flask import request  # here, as other applications have no Flask

        # At the end, Flask takes the request out of there.
        request.environ[_OF_VIEW] = {name: getattr(request, name.lower()) for name in _LIMITS}
    return response


def told(application: Any, environ: dict[str, Any]) -> str:
    """What an application may have refused a body for.

    :param application: Flask's; None for another one.
    """
    config = application.config if application is not None else {}
    of_view, size = environ.get(_OF_VIEW, {}), environ.get("CONTENT_LENGTH")
    found = []
    for name, kind in _LIMITS.items():
        limit, known = config.get(name), f"{name}={config.get(name)}"
        if name in config and of_view.get(name) not in (None, limit):
            limit = of_view[name]
            known = f"request.{name.lower()}={limit} of this view"
        if limit is None:
            continue
        if name != "MAX_CONTENT_LENGTH" or not size:
            found.append(f"{known} ({kind})")
        elif int(size) > limit:
            return f"it has {known} ({kind})"
    return f"it has {', '.join(found)}" if found else "it has a limit of its own"

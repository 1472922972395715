"""Hidden files and copies that editors leave, which Flask would send where Apache does not answer."""

import re
from functools import wraps
from typing import Any

from werkzeug.exceptions import NotFound

from ..apache import app_profile
from ..apache.content_types import PRIVATE


def keep_back(application: Any) -> None:
    """Answer 404 for them where Flask's own view sends static files, such as those of a blueprint."""
    own = app_profile.flask_object(application)
    for endpoint, view in own.view_functions.items() if own else ():
        module = "flask.blueprints" if endpoint.endswith(".static") else "flask.app"
        if endpoint.endswith("static") and app_profile.is_flasks(view, module):
            own.view_functions[endpoint] = _public(view)


def _public(view: Any) -> Any:
    @wraps(view)
    def answered(filename: str) -> Any:
        if re.search(PRIVATE, f"/{filename}"):
            raise NotFound
        return view(filename=filename)

    return answered

"""Hidden files and copies that editors leave, which Flask would send where Apache does not answer."""

import re
from functools import wraps
from typing import Any

from werkzeug.exceptions import NotFound

from ..apache import app_profile
from ..apache.content_types import PRIVATE


def keep_back(application: Any) -> None:
    """Answer 404 for them where Flask's own views send static files, such as those of a blueprint."""
    own = app_profile.flask_object(application)
    if own is None:
        return
    is_plain = app_profile.is_flasks(own.send_static_file)
    for endpoint, view in own.view_functions.items():
        of_application = is_plain and app_profile.is_flasks(view)
        if of_application or app_profile.is_flasks(view, "flask.blueprints"):
            own.view_functions[endpoint] = _public(view)


def _public(view: Any) -> Any:
    @wraps(view)
    def answered(**values: Any) -> Any:
        # Flask finds a file also with slashes behind its name.
        if re.search(PRIVATE, f"/{values.get('filename', '')}".rstrip("/")):
            raise NotFound
        return view(**values)

    return answered

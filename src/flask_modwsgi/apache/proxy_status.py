"""The header ``Proxy-Status``: Apache answered, and not the application.

https://www.rfc-editor.org/rfc/rfc9209. Apache sets it (conf/errors.conf), and so does worker/gate.py.
"""

from collections.abc import Iterable

HEADER = "Proxy-Status"
# What Apache and mod_wsgi answer by themselves, with the pages of worker/error_pages.py.
STATUSES = (400, 403, 404, 405, 408, 411, 413, 414, 417, 421, 431, 500, 501, 502, 503, 504, 505)
_OURS = "flask-modwsgi; error="
_ERRORS = {503: "connection_limit_reached", 504: "http_response_timeout"}


def of(status: int | None) -> list[tuple[str, str]]:
    """The header of an answer that `worker.gate` gives; none where the fault is the client's."""
    return [(HEADER, _OURS + _ERRORS[status])] if status in _ERRORS else []


def is_ours(values: Iterable[str]) -> bool:
    """Whether the application did not answer, by all values of the header."""
    return any(value.startswith(_OURS) for value in values)

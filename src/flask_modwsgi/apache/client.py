"""Asks a server for a page, through no proxy, and does not verify its certificate."""

from typing import Any
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from ..tls.certificates import unverified

_UNVERIFIED = unverified()


class _Redirects(HTTPRedirectHandler):
    """A redirect is an answer; there may be no server where it leads. It is followed below an address."""

    def __init__(self, below: str) -> None:
        self._below = below

    def redirect_request(self, *arguments: Any) -> Any:
        is_below = self._below and str(arguments[-1]).startswith(self._below)
        return super().redirect_request(*arguments) if is_below else None


def host(hosts: str) -> str:
    """A name that the application answers for, by the setting ``HOSTS``; empty where any will do."""
    return next(iter(hosts.split()), "").replace("*", "www")


def opened(
    address: str,
    path: str,
    hosts: str = "",
    timeout: float = 5,
    as_browser: bool = False,
    token: str = "",
) -> Any:
    """The answer for `path`, which is to be closed.

    :param address: Of the application, without a slash at the end.
    :param timeout: Seconds without a byte.
    :param as_browser: Ask for HTML, and follow redirects within the application.
    :param token: That of a `Site`.
    :raises HTTPError: its status is no success.
    :raises OSError, HTTPException, ValueError: there is none.
    """
    if not address.startswith(("http://", "https://")):  # urllib would read a file:
        raise ValueError(address)
    wanted = {
        "Accept": "text/html" if as_browser else "",
        "Host": host(hosts),
        "X-Stand-In": token,
    }
    headers = {name: text for name, text in wanted.items() if text}
    redirects = _Redirects(f"{address}/" if as_browser else "")
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=_UNVERIFIED), redirects)
    return opener.open(Request(address + path, headers=headers), timeout=timeout)

"""Checks whether the Content-Security-Policy of the first page refuses a part of it."""

from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from ..apache import processes, state
from ..tls.certificates import unverified
from . import page_policy
from .facts import Facts
from .finding import Note

HEADER = "Content-Security-Policy"
LARGEST = 1024 * 1024  # bytes of a page that are read
SHOWN = 4  # kinds of what is refused


def page(facts: Facts) -> str | None:
    """Of the server that runs."""
    root = state.root(facts.project)
    address = state.read(root).address
    if not facts.settings.content_security_policy or not processes.apache(root) or not address:
        return None
    note = refused(address, facts.settings.hosts)
    if note is None:
        return "not checked: / gives no page"
    return Note(note) if note else "/ has nothing that its policy refuses"


def refused(address: str, hosts: str = "") -> str | None:
    """What ``/`` has that its policy refuses, as a note; empty if that is nothing, None if it is no page.

    :param address: Of the application, without a slash at the end.
    :param hosts: The setting ``HOSTS``.
    """
    if not address.startswith(("http://", "https://")):
        return None
    host = next(iter(hosts.split()), "").replace("*", "www")
    headers = {"Accept": "text/html", **({"Host": host} if host else {})}
    scheme, _, here = address.partition("://")
    try:
        with _opener(address).open(Request(f"{address}/", headers=headers), timeout=5) as answer:
            if answer.headers.get_content_type() != "text/html":
                return None
            html = answer.read(LARGEST).decode(errors="replace")
            policies = answer.headers.get_all(HEADER, [])
            path = answer.url.removeprefix(address)
            found = page_policy.refused(html, policies, f"{scheme}://{host or here}{path}")
    except HTTPError as error:
        error.close()
        return None
    except (OSError, HTTPException, ValueError, AssertionError):  # html.parser has assertions
        return None
    if not found:
        return ""
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return (
        f"browsers refuse {', '.join(found[:SHOWN])}{more} on {path}, because of its {HEADER};"
        " CONTENT_SECURITY_POLICY in .env sets it for pages without a policy of their own"
    )


def _opener(address: str) -> Any:
    """Follows redirects to where the application itself is."""

    class Within(HTTPRedirectHandler):
        def redirect_request(self, *arguments: Any) -> Any:
            is_within = str(arguments[-1]).startswith(f"{address}/")
            return super().redirect_request(*arguments) if is_within else None

    return build_opener(ProxyHandler({}), HTTPSHandler(context=unverified()), Within)

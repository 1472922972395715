"""Checks whether the Content-Security-Policy of the first page refuses a part of it."""

from http.client import HTTPException
from urllib.error import HTTPError

from ..apache import client, processes, state
from ..machine.times import limited
from . import page_policy
from .facts import Facts
from .finding import Note

HEADER = "Content-Security-Policy"
LARGEST = 1024 * 1024  # bytes of a page that are read
SECONDS = 20  # for a page
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
    return limited(lambda: _refused(address, hosts), SECONDS, None)


def _refused(address: str, hosts: str) -> str | None:
    scheme, _, here = address.partition("://")
    try:
        with client.opened(address, "/", hosts, as_browser=True) as answer:
            if answer.headers.get_content_type() != "text/html":
                return None
            html = answer.read(LARGEST).decode(errors="replace")
            policies = answer.headers.get_all(HEADER, [])
            path = answer.url.removeprefix(address)
            found = page_policy.refused(
                html, policies, f"{scheme}://{client.host(hosts) or here}{path}"
            )
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

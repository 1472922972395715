"""Whose word about a request counts, and which hosts it may be for. Pure.

`apache.conf` has what is done with it. mod_wsgi could take the headers of proxies by itself, but
only for the application: not for files, redirects, error pages and the log.
"""

import ipaddress
import re

SEPARATORS = re.compile(r"[\s,]+")
HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


def networks(text: str) -> str:
    """Addresses and networks as one line, each as a network.

    :raises ValueError: one is neither, or has bits set beyond its length.
    """
    return " ".join(str(ipaddress.ip_network(word)) for word in _words(text))


def hosts(text: str) -> str:
    """Host names as one line, in lower case.

    :raises ValueError: one is no host name, or has a port.
    """
    words = [word.lower() for word in _words(text)]
    for word in words:
        if not HOST.fullmatch(word):
            raise ValueError(word)
    return " ".join(words)


def _words(text: str) -> list[str]:
    return [word for word in SEPARATORS.split(text) if word]


def as_expression(trusted: str) -> str:
    """Whether the peer is one of them, as Apache asks that.

    https://httpd.apache.org/docs/2.4/expr.html#binop
    """
    tests = [f"%{{CONN_REMOTE_ADDR}} -ipmatch '{network}'" for network in trusted.split()]
    return f"({' || '.join(tests) or 'false'})"


def as_pattern(names: str) -> str:
    """A regular expression for these names; ``*.`` stands for any labels, but at least one."""
    return "|".join(re.escape(name).replace(r"\*", r"[a-z0-9_.-]+") for name in names.split())

"""Trusted proxies and host names: how they are read, and how Apache is told of them. Pure.

``apache/conf/proxies.conf`` has the rules. mod_wsgi has options for proxies too, but they have an
effect in the application alone, not in redirects, error pages, the log and what HTTPS turns on.
"""

import ipaddress
import re

SEPARATORS = re.compile(r"[\s,]+")
HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


def networks(text: str) -> str:
    """Addresses and networks as one line, each as a network.

    :raises ValueError: one is neither, or Apache would never see it as it is written.
    """
    return " ".join(str(_network(word)) for word in _words(text))


def _network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    network = ipaddress.ip_network(word)
    if "%" in word or (network.version == 6 and network.network_address.ipv4_mapped):
        raise ValueError(word)
    return network


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
    tests = (f"%{{CONN_REMOTE_ADDR}} -ipmatch '{network}'" for network in trusted.split())
    return " || ".join(tests)


def as_pattern(names: str) -> str:
    """A regular expression for these names; ``*.`` stands for any labels, but at least one."""
    return "|".join(re.escape(name).replace(r"\*", r"[a-z0-9_.-]+") for name in names.split())


def consequences(trusted: str, names: str) -> list[str]:
    """What the two settings mean, in sentences; nothing where they are empty."""
    lines = []
    if trusted:
        lines.append(f"X-Forwarded fields are used from {', '.join(trusted.split())} only.")
    if names:
        lines.append(
            f"Requests for other hosts than {', '.join(names.split())} get a 421, except for health."
        )
    return lines

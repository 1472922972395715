"""Trusted proxies and host names: how they are parsed, and written for Apache. Pure.

``apache/conf/proxies.conf`` has the rules. mod_wsgi has options for proxies too, but they have an
effect in the application alone, not in redirects, error pages, the log and what HTTPS turns on.
"""

import ipaddress
import re

HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


def networks(text: str) -> str:
    """Addresses and networks as one line, each as a network.

    :raises ValueError: one is neither, or Apache would never see it as it is written.
    """
    found = [ipaddress.ip_network(word) for word in _words(text)]
    if "%" in text or any(one.version == 6 and one.network_address.ipv4_mapped for one in found):
        raise ValueError(text)
    return " ".join(map(str, found))


def hosts(text: str) -> str:
    """Host names as one line, in lower case.

    :raises ValueError: one is no host name, or has a port.
    """
    words = _words(text.lower())
    if not all(map(HOST.fullmatch, words)):
        raise ValueError(text)
    return " ".join(words)


def names(text: str) -> str:
    """Host names that are in the DNS, each once, as one line, in lower case.

    :raises ValueError: one is none, or stands for several.
    """
    words = list(dict.fromkeys(hosts(text).split()))
    if any(word.startswith(("*", "[")) for word in words):
        raise ValueError(text)
    return " ".join(words)


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def as_expression(trusted: str) -> str:
    """The condition, for Apache, that the peer is one of them.

    https://httpd.apache.org/docs/2.4/expr.html#binop
    """
    return " || ".join(f"%{{CONN_REMOTE_ADDR}} -ipmatch '{network}'" for network in trusted.split())


def as_pattern(names: str) -> str:
    """A regular expression for these names; ``*.`` stands for any labels, but at least one."""
    return "|".join(re.escape(name).replace(r"\*", r"[a-z0-9_.-]+") for name in names.split())


def consequences(trusted: str, names: str) -> list[str]:
    """What the two settings mean, in sentences; none if they are empty."""
    lines = []
    if trusted:
        lines.append(f"X-Forwarded fields are used from {', '.join(trusted.split())} only.")
    if names:
        others = ", ".join(names.split())
        lines.append(f"Requests for other hosts than {others} get a 421, except for health.")
    return lines

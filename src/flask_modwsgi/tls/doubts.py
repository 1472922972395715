"""Why some clients may not accept a certificate that others accept."""

import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from ..config import proxies

# As ``ssl.SSLSocket.getpeercert`` tells of it.
Seen = Mapping[str, Any]

DAY = 86400.0
SOON, AT_LEAST = 14 * DAY, 2 * DAY  # certificates of a few days are normal, too


def of(seen: Seen, chain_objection: str, hosts: str, now: float) -> Iterator[str]:
    """A sentence for each.

    :param chain_objection: What clients say of those who issued it.
    :param hosts: ``HOSTS``, which may be empty.
    :param now: In seconds since 1970.
    """
    begins, ends = (ssl.cert_time_to_seconds(seen[name]) for name in ("notBefore", "notAfter"))
    if ends - now < max(AT_LEAST, min(SOON, (ends - begins) / 3)):
        yield f"it ends soon, {seen['notAfter']}; ./run renew takes the next one"
    if chain_objection:
        issuer = ", ".join(value for part in seen["issuer"] for _, value in part)
        yield (
            f"its chain does not fit ({chain_objection}): after it, its file must have the"
            f" certificate of its issuer ({issuer})"
        )
    if hosts:
        yield from _of_names([name.lower() for _, name in seen.get("subjectAltName", ())], hosts)


def _of_names(names: list[str], hosts: str) -> Iterator[str]:
    allowed = re.compile(proxies.as_pattern(hosts))
    others = [host for host in hosts.split() if not any(_is_for(name, host) for name in names)]
    refused = [
        name
        for name in names
        if not allowed.fullmatch(name.replace("*", "any"))
        and not any(_is_for(name, host) for host in hosts.split())
    ]
    if others:
        yield f"browsers refuse it for {', '.join(others)} of HOSTS, which it does not name"
    if refused:
        yield f"it names {', '.join(refused)}, which HOSTS lacks: requests for that get a 421"


def _is_for(name: str, host: str) -> bool:
    """Whether a name in a certificate is for a name in HOSTS, or for some of those it stands for."""
    if host.startswith("*."):
        return name.endswith(host[1:])
    return name == host or (name.startswith("*.") and name[2:] == host.partition(".")[2])

"""Asks a server for a status, as whoever watches it does."""

import ssl
from urllib.error import HTTPError, URLError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

# Whether it answers is one question, who vouches for its certificate another.
_anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_anybody.check_hostname = False
_anybody.verify_mode = ssl.CERT_NONE
_directly = build_opener(ProxyHandler({}), HTTPSHandler(context=_anybody))


def status(address: str) -> int:
    """The HTTP status `address` answers with, 0 where nothing answers."""
    try:
        with _directly.open(address, timeout=5) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 0

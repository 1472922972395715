"""Sends a server a request to see whether it answers."""

from collections.abc import Callable
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit

from ..apache import client, proxy_status
from ..machine.times import limited


def ask(
    address: str,
    path: str,
    hosts: str = "",
    timeout: float = 5,
    token: str = "",
    given_up: Callable[[], bool] = lambda: False,
) -> int:
    """The HTTP status of the application's answer for `path`; 0 where there is none.

    There is none, either, where Apache answers instead, because no process of the application does.

    :param address: Of the application, without a slash at the end.
    :param hosts: The setting ``HOSTS``: for other names Apache answers by itself.
    :param timeout: Seconds without a byte; twice as many in all.
    :param token: That of a `Site`.
    :param given_up: Whether nobody waits for the answer any more.
    """
    return limited(lambda: _status(address, path, hosts, timeout, token), 2 * timeout, 0, given_up)


def _status(address: str, path: str, hosts: str, timeout: float, token: str) -> int:
    try:
        with client.opened(address, path, hosts, timeout, token=token) as response:
            return int(response.status)
    except HTTPError as error:
        error.close()
        is_ours = proxy_status.is_ours(error.headers.get_all(proxy_status.HEADER, []))
        return 0 if is_ours else error.code
    except (OSError, HTTPException, ValueError):  # ValueError: it is no address
        return 0


def error_logged(address: str, hosts: str) -> str:
    """A sentence about an error of the first page of a server in the background; empty if there is none."""
    found = error(address, ask(address, "/", hosts))
    return f"{found}; ./run logs --errors shows why" if found else ""


def error(address: str, status: int) -> str:
    """A sentence about a first page with this status; empty if it is no error."""
    path = f"{urlsplit(address).path}/"
    return f"the application answers {status} at {path}" if status >= 500 else ""

"""A client that keeps a server busy and records every answer."""

import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from serving import patience

PAUSE = 0.02  # seconds between a client's requests, which leave the server some of the processor


@dataclass
class Record:
    """What happened to every request; `failures` are those without a 200."""

    answered: int = 0
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float, problem: str | None) -> None:
        with self.lock:
            self.answered += 1
            self.slowest = max(self.slowest, seconds)
            if problem:
                self.failures.append(problem)


@contextmanager
def load(
    url: str,
    path: str = "/",
    keep: int = 4,
    close: int = 2,
    host: str = "",
    body: bytes | None = None,
) -> Iterator[Record]:
    """`keep` clients that keep their connection and `close` clients that open one each time.

    :param host: What they ask for, if not the name in `url`.
    :param body: What they send, with POST.
    """
    record, done = Record(), threading.Event()
    kinds = [True] * keep + [False] * close
    clients = [
        threading.Thread(target=_client, args=(url, path, host, body, kept, record, done))
        for kept in kinds
    ]
    for client in clients:
        client.start()
    try:
        yield record
    finally:
        done.set()
        for client in clients:
            client.join()


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    limit = 60 * patience()
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=limit)
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=limit, context=anybody)


def _client(
    url: str,
    path: str,
    host: str,
    body: bytes | None,
    kept: bool,
    record: Record,
    done: threading.Event,
) -> None:
    address = urlsplit(url)
    assert address.hostname
    connection = _connection(address.scheme, address.hostname, address.port)
    while not done.is_set():
        started = time.monotonic()
        problem = None
        try:
            headers = {} if kept else {"Connection": "close"}
            if host:
                headers["Host"] = host
            method = "GET" if body is None else "POST"
            connection.request(method, address.path + path, body, headers)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                problem = f"{response.status} for {path}"
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
            connection.close()
        record.add(time.monotonic() - started, problem)
        if not kept:
            connection.close()
        done.wait(PAUSE)
    connection.close()

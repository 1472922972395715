"""The server of the page for Prometheus. Any user of the machine may connect to it, and say nothing."""

import contextlib
import socket
import socketserver
import sys
import threading
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

# Connections at once, and seconds in which a client sends or accepts no byte.
MOST, PATIENCE = 16, 10.0


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def log_message(self, *words: Any) -> None:
        """Log nothing of requests."""


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """A thread for each connection; when there are `MOST`, a new one takes the place of the oldest."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, *_, address = found[0]
        self._places = threading.Semaphore(MOST)
        self._open: dict[socket.socket, bool] = {}  # the oldest first
        super().__init__((str(address[0]), port), _Handler)
        self.set_app(make_wsgi_app(registry))

    def process_request(self, request: Any, client_address: Any) -> None:
        """Wait for a place, and answer in a thread."""
        if not self._places.acquire(blocking=False):
            with contextlib.suppress(StopIteration, RuntimeError, OSError):  # one ends just now
                next(iter(self._open)).shutdown(socket.SHUT_RDWR)
            self._places.acquire()
        self._open[request] = True
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that was answered, or that failed."""
        is_open = self._open.pop(request, False)
        super().shutdown_request(request)
        if is_open:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors, but not a client that went away or said nothing."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

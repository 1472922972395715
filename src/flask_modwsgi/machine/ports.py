"""Whether a server could listen on an address."""

import errno
import socket

from .. import problems


def check_port(host: str, port: int, port_name: str = "PORT", host_name: str = "HOST") -> None:
    """:raises Problem: Apache could not listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise problems.port_in_use(host, port, port_name) from None
            if error.errno == errno.EACCES:
                raise problems.port_forbidden(port, port_name) from None
            raise problems.address_unusable(host, error.strerror or str(error), host_name) from None

"""Servers of other projects on this machine."""

from collections.abc import Collection
from pathlib import Path

from .. import problems
from ..config.settings import Settings
from ..machine import ports, process_table
from ..problems.problem import Problem
from . import monitoring, processes, state


def check_ports(settings: Settings, own: Collection[int] = ()) -> None:
    """Whether Apache could listen wherever its settings say.

    :param own: The ports of a server that ends first; of these only the address is tried.
    :raises Problem: it could not.
    """
    for name in ("PORT", *(["HTTPS_PORT"] if settings.has_https else [])):
        port = getattr(settings, name.lower())
        check_port(settings.host, 0 if port in own else port, name)
    monitoring.check(settings, own)


def check_port(host: str, port: int, name: str = "PORT") -> None:
    """As `ports.check_port` does, and name the project that has the port.

    :raises Problem: Apache could not listen there.
    """
    try:
        ports.check_port(host, port, name)
    except Problem as problem:
        if problem.slug == "port-in-use" and (project := project_on(port)):
            raise problems.port_in_use(host, port, name, project) from None
        raise


def project_on(port: int) -> Path | None:
    """The project whose server listens on a port, as far as this user may know.

    Its ``run`` will be typed; so nobody else may be able to name it.
    """
    for process in process_table.running():
        file = processes.configuration_of(process)
        if file and file.name == "httpd.conf":
            found = state.read_trusted(file.parent)
            if found.project and port in found.ports:
                return Path(found.project)
    return None

"""``./run doctor --hello``: is it Apache or the application?

Serves mod_wsgi's own test application through the same Apache, as the same user, on a free port.
When that works, whatever is wrong is in the application.
"""

import time
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from .. import problems
from ..config.project import Project
from ..problems.problem import Problem
from . import launch
from .httpd import Httpd
from .launch import Site
from .smoke_test import ELSEWHERE, free_port

EXPECTED = b"Hello World!"


def show(project: Project) -> int:
    """Tell which of the two is broken.

    :raises Problem: Apache is, or the application is.
    """
    started = time.monotonic()
    (entry,) = project.environment.glob("lib/python*/site-packages/mod_wsgi/diagnostics/hello.py")
    extra = ["--host", "127.0.0.1", "--port", str(free_port())]
    here = launch.collect(project, entry=entry, root="hello", extra=extra, unset=ELSEWHERE)
    try:
        address = ask(here)
    except Problem as problem:
        raise problems.apache_broken(f"{problem.slug}: {problem.what}") from None
    seconds = time.monotonic() - started
    print(f"Apache works: mod_wsgi's own application answered at {address}/ in {seconds:.1f} s.")
    print("Where yours does not, the fault is in the application.", flush=True)
    launch.check_import(here)
    print("It can be loaded, too; ./run dev shows its errors in the browser.")
    return 0


def ask(here: Site) -> str:
    """The address that answered as expected.

    :raises Problem: none did.
    """
    server = Httpd(here, quiet=True)
    try:
        server.prepare()
        server.start()
        try:
            with build_opener(ProxyHandler({})).open(server.address, timeout=10) as response:
                said = response.read()
        except HTTPError as error:
            said = f"with status {error.code}".encode()
        if said != EXPECTED:
            raise server.failure(f"It answered {said[:80]!r}.")
        return server.address
    finally:
        server.stop(grace=0)

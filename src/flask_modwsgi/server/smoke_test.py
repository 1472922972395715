"""Tests Apache with a real request: for a page and a static file, or for mod_wsgi's own page."""

import json
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit

from .. import problems
from ..apache import client, monitoring
from ..apache.app_profile import StaticFiles
from ..apache.precompressed import served
from ..apache.sites import PRODUCTION, Site
from ..config import safety
from ..config.project import Project
from ..doctor import causes, check_page
from ..doctor.check_places import refusal
from ..doctor.finding import described
from ..doctor.tracebacks import tracebacks
from ..machine import folders
from ..problems.problem import Problem
from ..setup import environments
from . import httpd, import_check, launch, locks, probe
from .httpd import Httpd

# Settings of the real address, which is another one than the proof's.
ELSEWHERE = ("HOSTS", "TLS_CERTIFICATE", "TLS_KEY", "HTTPS_NAMES", *monitoring.PORTS)
LOAD_INFO = """
<IfModule !info_module>
    LoadModule info_module "${MODULES}/mod_info.so"
</IfModule>
"""


def _site(project: Project, root: str, entry: Path = PRODUCTION) -> Site:
    """The project on a free port of the loopback address."""
    own = {"HOST": "127.0.0.1", "PORT": str(free_port())}
    given = dict.fromkeys(ELSEWHERE, "") | own
    return launch.collect(project, entry=entry, root=root, given=given)


@contextmanager
def running(project: Project, root: str = "proof") -> Iterator[Httpd]:
    """The project under its real Apache on a free port of the loopback address.

    Waits for another one with this server root.

    :raises Problem: the application cannot be loaded, or does not answer.
    """
    # In this order: the port has to be free when it is used.
    with (
        locks.held(project, root),
        httpd.running(import_check.check(_site(project, root))) as server,
    ):
        yield server


def free_port() -> int:
    """A free port of 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Proof:
    """What was requested and answered, the error of the first page if there is one, and notes.

    :param refused: The `Problem` with which a start would refuse what was served here, if it would.
    """

    answered: str
    error: str
    notes: list[str]
    refused: dict[str, object] | None = None


def prove(project: Project) -> Proof:
    """Ask for a page and a static file.

    Every answer of the application is a proof. Which pages it has, and for whom, is its own business.

    :raises Problem: it did not answer, or Apache did not for a static file.
    """
    with running(project) as server:
        application, limit = server.site.application, server.site.settings.request_limit
        found = {}
        for path in dict.fromkeys(("/", application.is_alive_at)):
            found[path] = probe.ask(server.site.address, path, timeout=limit)
            if not found[path]:
                raise server.failure(f"Nothing answered for {path}.")
        if application.static and (path := _a_static_file(application.static)):
            found[path] = probe.ask(server.site.address, path, timeout=limit)
            if found[path] != 200:
                raise server.failure(f"Apache answered {found[path]} for {path}.")
        error = _error(server, found["/"])
        doubts = (application.limitation, check_page.refused(server.site.address))
        notes = list(filter(None, doubts))
    if application.note:
        notes.append(f"Flask answers for static files, because {application.note}")
    mount_point = urlsplit(server.site.address).path
    answered = ", ".join(f"{mount_point}{path} {status}" for path, status in found.items())
    return Proof(f"Apache answered {answered}", error, notes, _refused(server.site))


def _refused(site: Site) -> dict[str, object] | None:
    try:
        safety.refuse_unsafe(site.environ)
        safety.refuse_keyless(site.environ, site.project.env_file, site.application.secret)
    except Problem as problem:
        return problem.as_dict()
    return None


def _error(server: Httpd, status: int) -> str:
    """What is wrong with the first page; empty if it is no error."""
    error = probe.error(server.site.address, status)
    raised = tracebacks(causes.settled(server.output.lines)) if error else []
    return ": ".join([error, *(one.splitlines()[-1] for one in raised[-1:])])


def _a_static_file(static: StaticFiles) -> str:
    """The URL path of a static file, or nothing if there is none."""
    names = sorted(file.relative_to(static.folder).as_posix() for file in served(static.folder))
    return quote(f"{static.url}/{names[0]}") if names else ""


def hello(project: Project) -> int:
    """``./run doctor --hello``: is it Apache or the application?

    Serves mod_wsgi's own test application through the same Apache, as the same user. When that
    works, whatever is wrong is in the application.

    :raises Problem: Apache does not work, or the application cannot be loaded.
    """
    started = time.monotonic()
    environments.verify(project)
    (entry,) = project.environment.glob("lib/python*/site-packages/mod_wsgi/diagnostics/hello.py")
    with locks.held(project, "hello"):
        site = _site(project, "hello", entry)
        try:
            with httpd.running(site) as server:
                said = _page(site.address)
                if said != b"Hello World!":
                    raise server.failure(f"It answered {said[:80]!r}.")
        except Problem as problem:
            raise problems.apache_broken(f"{problem.slug}: {problem.what}") from None
    seconds = time.monotonic() - started
    print(
        f"Apache works: mod_wsgi's own application answered at {site.address}/ in {seconds:.1f} s."
    )
    print("If your pages do not, the fault is in the application.", flush=True)
    import_check.check(site)
    print("The application can be loaded; ./run dev shows its errors in the browser.")
    return 0


def _page(address: str) -> bytes:
    try:
        with client.opened(address, "/", timeout=10) as response:
            return bytes(response.read())
    except HTTPError as error:
        return f"with status {error.code}".encode()


def configuration(project: Project) -> str:
    """Apache's effective configuration and its modules, for the report.

    Directives are listed by mod_info, which only a configuration that is not served may load.
    """
    site = import_check.ask_application(launch.collect(project, root="report"))
    server = Httpd(site)
    with locks.held(project, "report"):
        try:
            server.prepare()
            with (site.root / "httpd.conf").open("a", encoding="utf-8") as file:
                file.write(LOAD_INFO)
            dumps = (f"-DDUMP_{name}" for name in ("MODULES", "RUN_CFG", "VHOSTS", "CONFIG"))
            return server.told("-t", *dumps)
        finally:
            folders.remove(site.root)  # it has secrets


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    tried = Project(Path(sys.argv[1]), Path(sys.prefix))
    try:
        print(json.dumps(asdict(prove(tried))))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        refused = refusal(error, tried.var, tried.root) if isinstance(error, OSError) else error
        unknown = problems.unforeseen(described(error))
        told = refused if isinstance(refused, Problem) else unknown
        print(json.dumps(told.as_dict()))
        sys.exit(1)

"""``./run start`` and ``./run restart``: Apache in the background, found again by its server root."""

from collections.abc import Mapping

from ..apache import processes, state
from ..config.project import Project
from ..logs.output import make_folder
from . import import_check, launch, locks, probe, summary
from .ending import end
from .foreground import say_where
from .httpd import Httpd
from .messages import say


def start(project: Project, given: Mapping[str, str]) -> int:
    """Serve in the background; returns when the application answers.

    :raises Problem: it does not, with the reason and the last lines of the log.
    """
    with locks.held(project, "server"):
        root = state.root(project)
        if running := processes.apache(root):
            state.refuse_moved(root)
            processes.refuse_incomplete(root)
            before = state.read(root)
            address, hosts = before.address, before.setting("hosts", "")
            say(f"already running: process {running.pid}" + (address and f", {address}/"))
            if given:
                say("its settings are unchanged; to use new ones: ./run restart")
            if address and not probe.ask(address, before.is_alive_at, hosts):
                say("it does not answer; ./run status shows why")
                return 1
            return 0
        end(project)  # what a killed Apache left keeps the port
        server = _checked(project, given)
        server.start()
        _say_what_runs(server)
    return 0


def _checked(project: Project, given: Mapping[str, str]) -> Httpd:
    site = launch.for_production(project, given, project.logs)
    # Setup shared it with the RUN_USER of that time, who could keep a lock that is still theirs.
    locks.share(project, "server", site.account)
    return Httpd(import_check.check_for_production(site))


def _say_what_runs(server: Httpd) -> None:
    say_where(server)
    if error := probe.error_logged(server.site.address, server.site.settings.hosts):
        say(error)
    say(f"{summary.capacity(server.site.settings)}; ./run status shows more")


def restart(project: Project, given: Mapping[str, str]) -> int:
    """Stop and start: a short outage, and everything is read again.

    :raises Problem: it could not start, and nothing was stopped; or Apache does not start.
    """
    with locks.held(project, "server"):
        root = state.root(project)
        if parent := processes.apache(root):
            processes.refuse_others(parent, "restart")
        # Its own place, also where the server that is stopped is in that of another release.
        server = _checked(Project(project.root, link=project.link), given)
        if processes.all_of(root):
            server.rehearse(state.read(root))
            own = server.site.project
            make_folder(own, own.logs)
        end(project)
        server.start()
        _say_what_runs(server)
    return 0

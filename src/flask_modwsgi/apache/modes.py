"""In which processes the application runs, and how those are replaced.

In daemon mode mod_wsgi has processes for it behind Apache's own, in embedded mode it runs in
Apache's own. No other room knows that there are two.
"""

import signal
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from ..config.settings import AT_RELOAD, NAMES, Settings
from ..machine import capacity
from ..machine.process_table import Process

REPLACE = signal.SIGUSR1
_DAEMON = "(wsgi:"  # how the titles of mod_wsgi's own processes begin
# What is needed of the server root as long as it is served from: to find its processes, and to replace them.
FILES = ("environment.json", "httpd.conf", "state.json", "workers")
_PAGES = "(wsgi:service:"  # of those for the metrics and the telemetry page


@dataclass(frozen=True)
class Step:
    """A process that is sent `REPLACE`, and those that others take the place of then."""

    asked: Process
    replaced: list[Process]


class Mode:
    """What differs between the modes; as it is in daemon mode.

    :param restart_is_seamless: Whether no request is lost at a graceful restart of Apache.
    :param read_at_start: The settings, in lower case, that a reload cannot change.
    :param reads_configuration: Whether Apache reads its configuration at a reload.
    :param tells_of_deaths: Whether the log has every death of a process.
    :param own_threads: Whether the application has threads of its own, see `worker.pool`.
    :param files: Patterns of what is needed in the server root while Apache runs.
    """

    restart_is_seamless = False
    read_at_start: Set[str] = frozenset(map(str.lower, NAMES)) - AT_RELOAD
    reads_configuration = False
    tells_of_deaths = True
    own_threads = True
    files: Sequence[str] = (*FILES, "wsgi.*.sock")

    def runs_application(self, process: Process, configuration: str) -> bool:
        """Whether one of Apache's child processes runs the application."""
        title = process.command[0]
        return title.startswith(_DAEMON) and not title.startswith(_PAGES)

    def steps(self, parent: Process, running: Sequence[Process]) -> list[Step]:
        """To replace all processes of the application."""
        return [Step(one, [one]) for one in running]

    def children(self, settings: Settings, connections: int = 0) -> tuple[int, int]:
        """Apache's processes that deal with clients, and the threads in each that do.

        :param connections: As recorded at the start; 0 means what the limits of this process allow.
        """
        return 2, (connections or capacity.connections()) // 2

    def names(self, settings: Settings, app_name: str, connections: int = 0) -> dict[str, object]:
        """For Apache's configuration; `connections` as for `children`."""
        return {
            "PROCESS_GROUP": app_name,
            "DAEMON_MODE": "on",
            # One that may break off (worker/stream.py); Apache would end what it compresses as if complete.
            "IS_WHOLE": "-z resp('Connection')",
            **_apache(*self.children(settings, connections), most=4),
            "THREAD_STACK": 256 * 1024,
        }

    def eviction(self, settings: Settings) -> dict[str, int]:
        """When a process asks for another one in its place, see `worker.runner.Eviction`."""
        return {"stuck": 1, "signal": REPLACE, "watchdog": 0}


class _Embedded(Mode):
    restart_is_seamless = True
    read_at_start = frozenset({"host", "port", "https_port", "mode", "processes", "run_user"})
    reads_configuration = True
    tells_of_deaths = False  # Apache says nothing of an exit, nor of SIGKILL
    own_threads = False
    # Apache ends at a reload without these, which it reads again.
    files = (*FILES, "mime.types", "nothing")

    def runs_application(self, process: Process, configuration: str) -> bool:
        is_page = process.command[0].startswith(_PAGES)
        return ("-f", configuration) in pairwise(process.command) and not is_page

    def steps(self, parent: Process, running: Sequence[Process]) -> list[Step]:
        return [Step(parent, list(running))]

    def children(self, settings: Settings, connections: int = 0) -> tuple[int, int]:
        threads = (connections or capacity.connections()) // settings.processes
        return settings.processes, max(64, threads)

    def names(self, settings: Settings, app_name: str, connections: int = 0) -> dict[str, object]:
        # A graceful restart needs free slots while the old children finish.
        return {
            "PROCESS_GROUP": "%{GLOBAL}",
            "IS_WHOLE": "true",
            **_apache(*self.children(settings, connections), most=4 * settings.processes),
            "THREAD_STACK": 8 * 1024 * 1024,  # what Python counts on
        }

    def eviction(self, settings: Settings) -> dict[str, int]:
        # The thread of one that is stuck is missed by nobody, the connections of a process are.
        return {"stuck": settings.threads, "signal": signal.SIGKILL, "watchdog": 60}


def _apache(children: int, threads: int, most: int) -> dict[str, object]:
    """A fixed number of Apache's processes; one that died is missed at once."""
    return {
        "CHILDREN": children,
        "CHILD_THREADS": threads,
        "CONNECTIONS": children * threads,
        "MOST_CHILDREN": most,
        "SPARE_THREADS": (children - 1) * threads + 1,
    }


_MODES: dict[str, Mode] = {"daemon": Mode(), "embedded": _Embedded()}


def has_clients(process: Process) -> bool:
    """Whether one of Apache's child processes deals with clients, as all of Apache's own do."""
    return not process.command[0].startswith(_DAEMON)


def of(name: str) -> Mode:
    """:param name: The setting ``MODE``; anything else means daemon mode."""
    return _MODES.get(name, _MODES["daemon"])

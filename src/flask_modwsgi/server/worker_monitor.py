"""Watches the processes of one Apache: have they loaded the application, do they keep dying."""

from collections.abc import Sequence

from ..apache import processes
from ..doctor import causes, deaths
from ..logs.events import Event
from ..logs.output import Files, Terminal
from ..machine import oom
from ..problems.problem import Problem
from .launch import WORKER, Site


class WorkerMonitor:
    """Begins before Apache starts, so that what the kernel counted before does not count."""

    def __init__(self, site: Site, output: Files | Terminal) -> None:
        self.site, self.output = site, output
        self._kills_before = oom.kills()

    def evidence(self, log: Sequence[Event] | None = None) -> causes.Evidence:
        """All there is to see now; `log` stands for the log where Apache has not written yet."""
        return causes.gather(
            self.output.lines() if log is None else log,
            self.site.account.user,
            self.site.project.root,
            self._kills_before,
        )

    def failure(self, doing: str, log: Sequence[Event] | None = None) -> Problem:
        """Why it failed: named where the evidence shows it, otherwise Apache's last words."""
        return causes.failure(doing, self.evidence(log))

    def crash_loop(self) -> Problem | None:
        """Why the processes of the application die again and again; None where they do not."""
        lines = self.output.lines(deaths.WINDOW)
        if not deaths.deaths(lines):  # nearly always, and cheaper than to look for processes
            return None
        ages = processes.ages_of_ready(self.site.root)
        if deaths.is_loop(lines, ages):
            return causes.crash_loop(self.evidence())
        return None

    def is_refused(self) -> bool:
        """Whether a process said that it cannot load the application."""
        return deaths.is_refused(self.output.lines())

    def not_loaded(self) -> Problem | None:
        """Why a process could not load the application."""
        return causes.not_loaded(self.evidence(causes.settled(self.output.lines)))

    def all_loaded(self) -> bool:
        """Whether every process has loaded the application, as far as it reports that."""
        if self.site.entry != WORKER:
            return True
        running = processes.daemons(self.site.root)
        return bool(running) and all(processes.is_ready(one, self.site.root) for one in running)

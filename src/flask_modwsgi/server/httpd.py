"""One Apache: prepared, started, waited for, stopped."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from .. import problems
from ..apache import configuration, content_types, precompressed, processes, server_root, state
from ..apache.neighbours import check_ports
from ..apache.sites import Site
from ..apache.state import State
from ..doctor import causes, deaths
from ..logs import events
from ..logs.events import Event
from ..logs.output import Files, Terminal, make_folder
from ..machine import capacity, files, folders, installation, oom, process_table
from ..problems.problem import Problem
from ..tls import acme
from . import health_summary
from .launch import recorded, write_environment
from .probe import ask

LEAST_CHECK = 30  # seconds in which Apache has to have read its configuration
LATELY = 60.0  # seconds of log in which the reason for an end is looked for


class Httpd:
    """Apache as a child of this process, in a session of its own.

    In its own session neither Ctrl-C nor a resized terminal reaches it (Apache takes SIGWINCH
    for an order to stop), and a SIGTERM it sends to its process group reaches nobody else.
    """

    def __init__(self, site: Site, quiet: bool = False, brief: bool = False) -> None:
        """
        :param quiet: Show nothing of what Apache writes.
        :param brief: Show it as a developer wants it, whatever ``LOG_FORMAT`` says.
        """
        self.site = site
        self.log_style = "brief" if brief else site.settings.log_format
        self.output = (
            Files(site.project.python, site.root, site.logs, site.settings)
            if site.logs
            else Terminal(site.root, self.log_style, quiet)
        )
        self.process: subprocess.Popen[bytes] | None = None
        self._configuration = site.root / "httpd.conf"
        self._installation = installation.here()
        self._kills_before = oom.kills()

    @property
    def is_running(self) -> bool:
        """Whether Apache was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    @property
    def was_stopped(self) -> bool:
        """Whether Apache has ended as it does at a SIGTERM."""
        return self.process is not None and self.process.poll() == 0

    def rehearse(self, running: State) -> None:
        """Try as much of a start as a server that will be ended first allows; that is not touched.

        :param running: What is recorded of that server.
        :raises Problem: the configuration is refused, or Apache could not listen.
        """
        if ports := running.ports:
            check_ports(self.site.settings, ports)
        # In the same folder, because Apache resolves relative paths of own directives against it.
        root = server_root.choose(self.site.project, "rehearsal")
        folders.remove(root)  # of one that was killed
        try:
            server_root.make(self.site.project, root, self.site.account)
            files.write(root / "stand-in", "")
            Httpd(replace(self.site, root=root, logs=None)).configure()
        finally:
            folders.remove(root)

    def prepare(self) -> None:
        """Write the server root and have Apache read it.

        :raises Problem: the configuration is refused.
        """
        site, root = self.site, self.site.root
        processes.refuse_a_second(root)
        server_root.make(site.project, root, site.account)
        if site.logs:  # they are for whoever serves only
            make_folder(site.project, site.logs)
        write_environment(site)
        if static := site.application.static:
            server_root.show_files(root, static.folder)
            if not site.is_development:
                precompressed.renew(site, static)
        files.write(root / "mime.types", content_types.as_mime_types())
        files.write(root / "stand-in", "")
        self.configure()
        # It has not died as long as it is not started.
        state.write(root, replace(recorded(site), stopped=time.time()))

    def configure(self) -> None:
        """Write Apache's configuration and have Apache read it.

        :raises Problem: it is refused; the one before is still there.
        """
        site = self.site
        if site.settings.https_names:
            acme.make_store(site.project)
        new = site.root / "httpd.conf.new"
        files.write(new, configuration.httpd_conf(site, self._installation), 0o600)
        self.check_configuration(new)
        new.replace(self._configuration)

    @property
    def _environ(self) -> dict[str, str]:
        """The environment of Apache; worker/production.py gives the application its own."""
        own = {"MOD_WSGI_SERVER_ROOT": str(self.site.root), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        return self._installation.environment({**self.site.environ, **own})

    def check_configuration(self, file: Path | None = None) -> None:
        """:raises Problem: Apache could not start, or restart, with the server root as it is.

        :param file: Instead of the configuration in use.
        """
        done = self._ask("-t", "-f", file or self._configuration)
        if done.returncode != 0:
            found = self._evidence(events.printed(done.stderr))
            raise causes.failure("Apache refuses its configuration.", found)

    def told(self, *options: str) -> str:
        """What Apache prints about its configuration with these options."""
        done = self._ask("-f", self._configuration, *options)
        return done.stdout + done.stderr

    def _ask(self, *options: str | Path) -> subprocess.CompletedProcess[str]:
        limit = max(LEAST_CHECK, self.site.settings.start_limit)
        try:
            return subprocess.run(
                [self._installation.httpd, *options],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                cwd=self.site.project.root,
                env=self._environ,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            own = self.site.settings.apache_include
            raise problems.configuration_hangs(limit, own) from None

    def start(self, given_up: Callable[[], bool] = lambda: False) -> None:
        """Prepare, start Apache and return when the application answers, or `given_up` says yes.

        :raises Problem: it ended, or did not answer in ``START_LIMIT`` seconds; nothing of it is
            left then.
        """
        self.prepare()
        try:
            self._start()
            self._wait_until_it_answers(given_up)
        except Problem:
            self.kill()
            raise
        except BaseException:
            self.stop(grace=0)
            raise

    def _start(self) -> None:
        check_ports(self.site.settings)
        capacity.allow_open_files()
        # The titles of Apache's children have to fit into it: (wsgi:APP_NAME), (wsgi:service:telemetry).
        title = f"apache2 (flask-modwsgi {self.site.project.app_name})"
        self.process = self.output.popen(
            [title, "-f", str(self._configuration), "-k", "start", "-DFOREGROUND"],
            executable=self._installation.httpd,
            cwd=self.site.project.root,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=None if self.site.logs else processes.end_with_parent,
        )
        if started := process_table.find(self.process.pid):
            state.update(self.site.root, pid=started.pid, start=started.start, stopped=0.0)

    def _wait_until_it_answers(self, given_up: Callable[[], bool]) -> None:
        limit = self.site.settings.start_limit
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline and not given_up():
            if not self.is_running:
                self.output.join()
                raise self.failure("Apache ended at once.")
            if deaths.is_refused(self.output.lines()):
                self._answers()  # of sys.exit() there is a traceback only when it is asked
                settled = causes.settled(self.output.lines)
                if problem := causes.not_loaded(self._evidence(settled)):
                    raise problem
            self.refuse_crash_loop()
            # What an application does for its first page may take long.
            left = max(5, deadline - time.monotonic())
            if self._all_loaded() and self._answers(left, given_up):
                return
            time.sleep(0.05)
        if not given_up() and not self._answers():
            found = self._evidence()
            slow = problems.start_too_slow(limit, causes.last_words(found.log))
            raise causes.cause(found) or slow

    def _all_loaded(self) -> bool:
        """Whether every process has loaded the application, as far as it reports that."""
        root = self.site.root
        running = processes.workers(root)
        return self.site.is_development or (
            bool(running) and all(processes.is_ready(one, root) for one in running)
        )

    def _answers(self, timeout: float = 5, given_up: Callable[[], bool] = lambda: False) -> bool:
        site, path = self.site, self.site.application.is_alive_at
        return ask(site.address, path, site.settings.hosts, timeout, site.token, given_up) != 0

    def _evidence(self, log: Sequence[Event] | None = None) -> causes.Evidence:
        """The evidence of now; `log` is used if Apache has not written yet."""
        lines = self.output.lines() if log is None else log
        user, own = self.site.account.user, self.site.project.root
        return causes.gather(lines, user, own, self._kills_before)

    def refuse_crash_loop(self) -> None:
        """:raises Problem: the processes of the application die again and again; it is stopped."""
        if health_summary.is_loop(self.site.root, self.output.lines(deaths.WINDOW)):
            problem = causes.crash_loop(self._evidence())
            self.kill()
            raise problem

    def failure(self, doing: str) -> Problem:
        """Why it ended: a named problem if the evidence shows it, otherwise Apache's last lines."""
        code = self.process.returncode if self.process else None
        if self.process and code and code < 0:
            return causes.end_of_apache(self.process.pid, -code, self._evidence())
        problem = causes.failure(doing, self._evidence(self.output.lines(LATELY)))
        own = self.site.settings.apache_include
        # Its own addresses were free, or it had not been started.
        if self.site.is_temporary and own and problem.slug == "port-in-use":
            return problems.listen_twice(self.site.project.root / own)
        return problem

    def stop(self, grace: float | None = None) -> None:
        """Let requests under way finish for `grace` seconds (``STOP_LIMIT``), then end Apache."""
        if self.is_running:
            limit = self.site.settings.stop_limit
            processes.end(self.site.root, limit if grace is None else grace)
        self.kill()

    def kill(self) -> None:
        """End what is left of it, at once."""
        if self.process:
            with state.stopping(self.site.root):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.output.join()


@contextlib.contextmanager
def running(site: Site) -> Iterator[Httpd]:
    """Serve the site with an Apache that prints nothing, and that ends without a trace.

    The caller holds a lock for its server root.

    :raises Problem: it does not answer.
    """
    server = Httpd(site, quiet=True)
    processes.end(site.root, grace=0)  # one that was left by a caller that was killed
    try:
        server.start()
        try:
            yield server
        finally:
            server.stop(grace=1)
    finally:
        folders.remove(site.root)  # it has secrets

"""One Apache: prepared, started, waited for, stopped."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from .. import problems
from ..apache import (
    arguments,
    content_types,
    monitoring,
    precompressed,
    processes,
    server_root,
    state,
)
from ..doctor import causes, evidence
from ..logs import events
from ..logs.output import Files, Terminal
from ..machine import process_table
from ..machine.ports import check_port
from ..problems.problem import Problem
from ..tls import https
from .launch import Site, recorded, write_environment
from .probe import NO_ANSWER, ask
from .worker_monitor import WorkerMonitor

_URL = re.compile(r"^Server URL +: (http://\S+?:?(\d+)?/)$", re.MULTILINE)
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
            Files(site.project, site.logs, site.settings)
            if site.logs
            else Terminal(self.log_style, quiet)
        )
        self.monitor = WorkerMonitor(site, self.output)
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where the application is, without a slash at the end."""
        return (self.url.rstrip("/") + self.site.settings.mount_point).rstrip("/")

    def prepare(self) -> None:
        """Write the server root and have Apache read it.

        :raises Problem: an option or the configuration is refused.
        """
        site = self.site
        processes.refuse_a_second(site.root)
        server_root.make(site.project, site.root, site.account)
        write_environment(site)
        static = site.application.static
        if static and not site.is_development:
            precompressed.renew(site.project, static, site.account, site.environ, site.root)
        _write(site.root / "mime.types", content_types.as_mime_types())
        _write(site.root / "stand-in", "")
        options = arguments.options(site.project, site.settings, site.account, site.root)
        # The module is in the venv, whose scripts break when it is moved; -m does not.
        express = (
            str(site.project.python),
            "-I",
            "-c",
            "from mod_wsgi.express.cli import main; main()",
        )
        words = [*express, "setup-server", str(site.entry), *options, *site.extra]
        done = subprocess.run(
            words, capture_output=True, text=True, env=dict(site.environ), umask=0o022
        )
        address = _URL.search(done.stdout)
        if done.returncode != 0 or not address:
            reason = done.stderr.strip().splitlines() or ["mod_wsgi-express said nothing"]
            raise problems.option_refused(reason[-1].removeprefix("-c: error: "))
        httpd_conf = site.root / "httpd.conf"
        beginning = arguments.beginning(
            site.project, site.settings, site.root, site.is_development, static
        )
        _write(httpd_conf, beginning + arguments.mended(httpd_conf.read_text("utf-8")))
        self.url = https.address(site.settings) or address[1]
        self.check_configuration()
        state.write(site.root, recorded(site, self.address))

    def check_configuration(self) -> None:
        """:raises Problem: Apache could not start, or restart, with the server root as it is."""
        words = self.apachectl("configtest")
        done = subprocess.run(words, capture_output=True, text=True, env=dict(self.site.environ))
        if done.returncode != 0:
            log = events.printed(done.stderr)
            raise self.monitor.failure("Apache refuses its configuration.", log)

    def apachectl(self, *words: str) -> list[str]:
        # Through a shell, because the server root may be on a file system mounted noexec.
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        return [shell, str(self.site.root / "apachectl"), *words]

    def start(self, given_up: Callable[[], bool] = lambda: False) -> None:
        """Start Apache and return when the application answers, or `given_up` says yes.

        :raises Problem: it ended, or did not answer in ``START_LIMIT`` seconds.
        """
        settings = self.site.settings
        port = int(urlsplit(self.url).port or 443)
        check_port(settings.host, port, "HTTPS_PORT" if settings.tls_certificate else "PORT")
        if settings.tls_certificate:
            check_port(settings.host, settings.port)
        monitoring.check(settings)
        self.process = self.output.popen(
            self.apachectl("start", "-DFOREGROUND"),
            env=dict(self.site.environ),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=None if self.site.logs else processes.end_with_parent,
        )
        if started := process_table.find(self.process.pid):
            state.record_process(self.site.root, started.pid, started.start)
        self._wait_until_it_answers(given_up)

    def _wait_until_it_answers(self, given_up: Callable[[], bool]) -> None:
        limit = self.site.settings.start_limit
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline and not given_up():
            assert self.process
            if self.process.poll() is not None:
                self.output.join()
                raise self.failure("Apache ended at once.")
            if self.monitor.is_refused():
                self._answers()  # of sys.exit() there is a traceback only when it is asked
                self._end_because_of(self.monitor.not_loaded())
            self.refuse_crash_loop()
            # What an application does for its first page may take long.
            left = max(5, deadline - time.monotonic())
            if self.monitor.all_loaded() and self._answers(left):
                return
            time.sleep(0.05)
        if not given_up() and not self._answers():
            found = self.monitor.evidence()
            slow = problems.start_too_slow(limit, evidence.last_words(found.log))
            self._end_because_of(causes.cause(found) or slow)

    def _answers(self, timeout: float = 5) -> bool:
        path, hosts = self.site.application.is_alive_at, self.site.settings.hosts
        return ask(self.address, path, hosts, timeout) not in NO_ANSWER

    def refuse_crash_loop(self) -> None:
        """:raises Problem: the processes of the application die again and again; it is stopped."""
        assert self.process
        self._end_because_of(self.monitor.crash_loop())

    def _end_because_of(self, problem: Problem | None) -> None:
        if problem:
            self.kill()
            raise problem

    def failure(self, doing: str) -> Problem:
        """Why it ended: named where the evidence shows it, otherwise Apache's last words."""
        code = self.process.returncode if self.process else None
        if self.process and code and code < 0:
            return causes.end_of_apache(self.process.pid, -code, self.monitor.evidence())
        return self.monitor.failure(doing, self.output.lines(LATELY))

    def reload(self) -> None:
        """Have every process of the application replaced by one that loads it anew."""
        for daemon in processes.daemons(self.site.root):
            process_table.send(daemon, signal.SIGUSR1)

    def stop(self, grace: float | None = None) -> None:
        """Let requests under way finish for `grace` seconds (``STOP_LIMIT``), then end Apache."""
        if self.process is None:
            return
        grace = self.site.settings.stop_limit if grace is None else grace
        if self.process.poll() is None:
            processes.end(self.site.root, grace)
        self.kill()

    def kill(self) -> None:
        """End whatever of it is still there, at once."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.output.join()
        state.mark_stopped(self.site.root)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)

"""One Apache: prepared, started, waited for, stopped."""

import collections
import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from . import command, content_types, preflight, problems, processes, server_root
from .project import PYTHON
from .site import Site, write_environment, write_state

# Notices at each start and stop, which Apache's LogLevel cannot silence.
_ROUTINE = re.compile(rb"AH00094: Command line|AH00489: .*resuming normal|AH0049[12]: caught SIG")
# mod_wsgi puts this before every line of the application; it is always the same path.
_SCRIPT = re.compile(rb"\[script [^]]*\] ")
_COLUMNS = re.compile(r"^(\[[^]]*\] )+")
_URL = re.compile(r"^Server URL +: (http://\S+?:?(\d+)?/)$", re.MULTILINE)
_directly = build_opener(ProxyHandler({}))


class Httpd:
    """Apache as a child of this process, in a session of its own.

    In its own session neither Ctrl-C nor a resized terminal reaches it (Apache takes SIGWINCH
    for an order to stop), and a SIGTERM it sends to its process group reaches nobody else.
    """

    def __init__(self, site: Site, quiet: bool = False) -> None:
        self.site = site
        self.quiet = quiet
        self.tail: collections.deque[bytes] = collections.deque(maxlen=30)
        self.url = ""
        self._copiers: list[threading.Thread] = []
        self._logged_before = 0
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
        server_root.make(site.root, site.account)
        static_folder = site.project.static_folder
        write_environment(site)
        _write(site.root / "mime.types", content_types.as_mime_types())
        options = command.options(
            site.settings, site.account, site.project.app_name, static_folder, site.root, site.logs
        )
        # The module is in the venv, whose scripts break when it is moved; -m does not.
        express = (str(PYTHON), "-c", "from mod_wsgi.express.cli import main; main()")
        words = [*express, "setup-server", str(site.entry), *options, *site.extra]
        done = subprocess.run(
            words, capture_output=True, text=True, env=dict(site.environ), umask=0o022
        )
        address = _URL.search(done.stdout)
        if done.returncode != 0 or not address:
            reason = done.stderr.strip().splitlines() or ["mod_wsgi-express said nothing"]
            raise problems.option_refused(reason[-1].removeprefix("-c: error: "))
        httpd_conf = site.root / "httpd.conf"
        beginning = command.beginning(site.settings, static_folder, site.root)
        _write(httpd_conf, beginning + httpd_conf.read_text("utf-8"))
        self.url = address[1]
        self._apachectl_check()
        write_state(site, self.address)

    def _apachectl_check(self) -> None:
        words = self.apachectl("configtest")
        done = subprocess.run(words, capture_output=True, text=True, env=dict(self.site.environ))
        if done.returncode != 0:
            raise problems.server_failed("Apache refuses its configuration.", done.stderr)

    def apachectl(self, *words: str) -> list[str]:
        # Through a shell, because the server root may be on a file system mounted noexec.
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        return [shell, str(self.site.root / "apachectl"), *words]

    def start(self, given_up: Callable[[], bool] = lambda: False) -> None:
        """Start Apache and return when the application answers, or `given_up` says yes.

        :raises Problem: it ended, or did not answer in ``START_LIMIT`` seconds.
        """
        port = int(self.url.rstrip("/").rpartition(":")[2])
        preflight.check_port(self.site.settings.host, port)
        if self.site.logs:
            self._start_in_background(self.site.logs / "error.log")
        else:
            self._start_in_foreground()
        self._wait_until_it_answers(given_up)

    def _popen(self, out: IO[bytes] | int, foreground: bool) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.apachectl("start", "-DFOREGROUND"),
            env=dict(self.site.environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=processes.end_with_parent if foreground else None,
        )

    def _start_in_background(self, log: Path) -> None:
        """What is printed there goes to the end of the error log, which Apache writes too."""
        with log.open("ab") as file:
            self._logged_before = file.tell()
            self.process = self._popen(file, foreground=False)

    def _start_in_foreground(self) -> None:
        self.process = self._popen(subprocess.PIPE, foreground=True)
        assert self.process.stdout and self.process.stderr
        for source, target in ((self.process.stdout, 1), (self.process.stderr, 2)):
            copier = threading.Thread(target=self._copy, args=(source, target), daemon=True)
            copier.start()
            self._copiers.append(copier)

    def _copy(self, source: IO[bytes], target: int) -> None:
        """Hand on what Apache writes, so that it works behind pipes, files and sockets alike."""
        with source:
            for line in source:
                if _ROUTINE.search(line):
                    continue
                line = _SCRIPT.sub(b"", line)
                if target == 2:
                    self.tail.append(line.rstrip())
                if not self.quiet:
                    try:
                        os.write(target, line)
                    except OSError:  # whoever read our output is gone; Apache goes on
                        self.quiet = True

    def _wait_until_it_answers(self, given_up: Callable[[], bool]) -> None:
        limit = self.site.settings.start_limit
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline and not given_up():
            assert self.process
            if self.process.poll() is not None:
                self._join()
                raise problems.server_failed("Apache ended at once.", self.log())
            if status(f"{self.address}/health/live") not in (0, 502, 503, 504):
                return
            time.sleep(0.05)
        if given_up():
            return
        self.stop()
        raise problems.server_failed(f"No answer within {limit} seconds (START_LIMIT).", self.log())

    def log(self) -> str:
        """The last lines Apache wrote, without the columns before the message."""
        lines = list(self.tail)
        if self.site.logs:
            with (self.site.logs / "error.log").open("rb") as file:
                file.seek(self._logged_before)
                lines = [line for line in file.read().splitlines() if not _ROUTINE.search(line)]
        return "\n".join(_COLUMNS.sub("", line.decode(errors="replace")) for line in lines)

    def reload(self) -> None:
        """Have every process of the application replaced by one that loads it anew."""
        assert self.process
        for daemon in processes.daemons(self.process.pid, self.site.project.app_name):
            daemon.send_signal(signal.SIGUSR1)

    def stop(self, grace: float | None = None) -> None:
        """Let requests under way finish for `grace` seconds (``STOP_LIMIT``), then end Apache."""
        if self.process is None:
            return
        grace = self.site.settings.stop_limit if grace is None else grace
        # SIGWINCH is Apache's graceful-stop; SIGTERM drops what is under way.
        for number, seconds in ((signal.SIGWINCH, grace), (signal.SIGTERM, 10), (9, 5)):
            if self.process.poll() is None:
                self.process.send_signal(number)
            try:
                self.process.wait(timeout=seconds)
                break
            except subprocess.TimeoutExpired:
                continue
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # whatever of it is still there
        self._join()

    def _join(self) -> None:
        for copier in self._copiers:
            copier.join(timeout=2)


def status(address: str) -> int:
    """The HTTP status `address` answers with, 0 where nothing answers."""
    try:
        with _directly.open(address, timeout=5) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 0


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)

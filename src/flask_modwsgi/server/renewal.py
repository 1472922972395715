"""``./run renew``: Apache takes a new certificate, and no request is lost.

Apache reads certificates when it starts or restarts. A graceful restart ends the processes of the
application after three seconds, whatever they work on, and what comes over a connection that was
open before gets an error from mod_wsgi. So a second Apache stands in while the first restarts.
"""

import signal
import time
from dataclasses import replace
from typing import Any

from .. import problems
from ..apache import processes, state
from ..config.project import Project
from ..config.settings import Settings
from ..machine import process_table
from ..machine.process_table import Process
from ..tls import certificates, https
from . import background, launch, locks, standby, status
from .httpd import Httpd
from .messages import say


def renew(project: Project) -> int:
    """Have Apache serve the certificate that is in the files now.

    :raises Problem: nothing runs, it runs without TLS, the certificate cannot be served or clients
        would not accept it, or the application cannot be loaded. Nothing was touched then.
    """
    with locks.held(project, "server"):
        root = state.root(project)
        parent = processes.apache(root)
        if parent is None:
            raise problems.not_running("this project's Apache does not run", "renew")
        state.refuse_moved(root)
        here = replace(launch.collect(project, logs=project.logs), root=root)
        check_files(state.read(root).settings, here.settings)
        assert here.certificate
        if here.certificate.objection:
            raise problems.tls_objection(
                https.files(project, here.settings)[0], here.certificate.objection
            )
        here = launch.check_import(here)
        background.make_logs(project)
        with standby.serving(here):
            _let_finish(here)
            _restart(parent, here)
        say(f"renewed: {here.certificate}")
    return 0


def check_files(before: dict[str, Any], now: Settings) -> None:
    """:raises Problem: the server that runs has no certificate, or other files than are set now."""
    if not before.get("tls_certificate"):
        raise problems.tls_off()
    own = {name: getattr(now, name) for name in ("tls_certificate", "tls_key", "https_port")}
    if changes := background.changed_settings(before, own):
        raise problems.restart_needed(changes)


def _let_finish(here: launch.Site) -> None:
    """Wait for what Apache's own processes of the application work on still.

    And for as long as a connection may be idle: then every client that has one was told to close.
    """
    settings = here.settings
    time.sleep(settings.keep_alive + 1)

    def is_idle() -> bool:
        rows = status.reports(here.root, settings.threads)
        return all(row["responds"] and not row["busy"] for row in rows)

    processes.wait(is_idle, standby.longest_request(settings))


def _restart(parent: Process, here: launch.Site) -> None:
    """Restart gracefully, until all is new and the old is gone.

    :raises Problem: the new certificate is not served.
    """
    Httpd(here).check_configuration()
    certificate = here.certificate
    settings = here.settings
    old = [one for one in processes.all_of(here.root) if one.parent == parent.pid]
    process_table.send(parent, signal.SIGUSR1)

    def is_served() -> bool:
        found = certificates.served(settings.host, settings.https_port)
        return certificate is not None and found == certificate.der

    def is_ready() -> bool:
        new = [one for one in processes.daemons(here.root) if one not in old]
        ready = [one for one in new if processes.is_ready(one, here.root)]
        return len(ready) >= settings.processes

    if not processes.wait(is_served, settings.start_limit):
        raise problems.tls_not_renewed(f"it was not seen in {settings.start_limit} seconds")
    if not processes.wait(is_ready, settings.start_limit):
        raise problems.tls_not_renewed("the application did not start again")
    # Those that Apache told to go may have clients that are slow to send or to read.
    processes.wait(
        lambda: not any(one in old for one in processes.all_of(here.root)),
        standby.longest_request(settings),
    )

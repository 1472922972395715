"""``./run renew``: Apache serves a new certificate, and no request is lost.

Apache reads certificates when it starts or restarts. A graceful restart ends the processes of the
application after three seconds, whatever they work on, and what comes over a connection that was
open before gets an error from mod_wsgi. So a second Apache stands in while the first restarts.
"""

import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from .. import problems
from ..apache import processes, server_root, state
from ..apache.sites import Site
from ..config.project import Project
from ..config.settings import Settings
from ..machine import capacity, files, folders, process_table
from ..machine.process_table import Process
from ..machine.times import wait
from ..tls import acme, certificates, https
from ..tls.certificates import Certificate
from . import import_check, launch, locks, restart_reasons, smoke_test, status
from .ending import STAND_IN_PORTS, end_stand_in
from .httpd import Httpd
from .messages import say

_FILES = ("tls_certificate", "tls_key", "https_names", "https_authority", "https_port")


def renew(project: Project) -> int:
    """Let Apache serve the certificate that is in the files now.

    :raises Problem: as `take_certificate` does.
    """
    with locks.held(project, "server"):
        take_certificate(project)
    return 0


def take_certificate(project: Project) -> None:
    """The same, for a caller that holds the lock of the server.

    :raises Problem: nothing runs, it runs without TLS, the certificate cannot be served or clients
        would not accept it, or the application cannot be loaded. Nothing was touched then.
    """
    root = state.root(project)
    parent = processes.require_apache(root, "renew")
    before = state.read(root)
    site = launch.collect(project, logs=before.log_folder, given=before.given)
    site = replace(site, root=root, connections=before.connections)
    check_files(before.settings, site.settings)
    if site.settings.https_names:
        site = replace(site, certificate=_staged(site))
    certificate = site.certificate
    assert certificate
    if certificate.objection:
        file, _ = https.files(project, site.settings)
        raise problems.tls_objection(file, certificate.objection)
    site = import_check.check(site)
    if processes.mode_of(root).restart_is_seamless:
        end_stand_in(project, seconds=0)
        _restart(parent, site, certificate)
    else:
        with stand_in(site):
            _let_finish(site)
            _restart(parent, site, certificate)
    if site.settings.https_names:  # now it can be looked at as a whole
        certificate = https.check(project, site.settings) or certificate
        state.record_settings(root, launch.recorded(site))
    else:
        state.update(root, directives=launch.directives(site))
    say(f"renewed: {certificate}")
    for line in certificate.warnings:
        say(line)


def check_files(before: dict[str, Any], now: Settings) -> None:
    """:raises Problem: the server that runs has no certificate, or other files than are set now."""
    if not (before.get("tls_certificate") or before.get("https_names")):
        raise problems.tls_off()
    own = {name: getattr(now, name) for name in _FILES}
    if changes := restart_reasons.changed_settings(before, own):
        raise problems.restart_needed(changes)


def _staged(site: Site) -> Certificate:
    """What Apache got from the authority, and serves after its next restart.

    :raises Problem: there is nothing new.
    """
    staged = acme.staged(site.project, site.settings.https_names)
    if certificate := certificates.public(staged) if staged else None:
        return certificate
    found = acme.awaited(site.project, site.settings) or str(site.certificate)
    raise problems.https_nothing_new(found)


def _as_served(site: Site) -> Settings:
    """The settings of the second Apache, which serves the current certificate and gets none itself."""
    settings = site.settings
    if not settings.https_names:
        return settings
    certificate, key = acme.certificate(site.project, settings) or ("", "")
    return replace(settings, https_names="", tls_certificate=str(certificate), tls_key=str(key))


@contextmanager
def stand_in(site: Site) -> Iterator[None]:
    """Let another Apache answer every new request to `site`; it reads all files again.

    It runs in the background: should this process be killed, requests go on being answered.

    :raises Problem: it does not start; nothing is handed to it then.
    """
    limit = _longest_request(site.settings)
    end_stand_in(site.project, limit)
    ports = {"http": smoke_test.free_port(), "https": smoke_test.free_port()}
    settings = _as_served(site)
    if not settings.has_https:
        del ports["https"]
    own = replace(
        settings,
        host="127.0.0.1",
        port=ports["http"],
        https_port=ports.get("https", settings.https_port),
        metrics_port=None,
        telemetry_port=None,
        # The second Apache trusts what the first one says about a client.
        trusted_proxies=f"127.0.0.1 {site.settings.trusted_proxies}".rstrip(),
    )
    root = server_root.choose(site.project, "stand-in")
    # A service has no other logs.
    logs = site.logs / "stand-in" if site.logs else root / "log"
    try:
        own_site = replace(site, settings=own, root=root, logs=logs, token=secrets.token_hex())
        Httpd(replace(own_site, access_log=False, is_temporary=True)).start()
        known = {**ports, "token": own_site.token}
        lines = (f"{name} {value}\n" for name, value in known.items())
        files.write(site.root / STAND_IN_PORTS, "".join(lines), 0o400, site.account.uid)
        yield
    finally:
        end_stand_in(site.project, limit)
        folders.remove(root)  # it has secrets


def _longest_request(settings: Settings) -> float:
    """Seconds until a request that has begun has certainly ended."""
    limit = settings.request_limit
    return limit + capacity.place_wait(limit) + capacity.STUCK_WAIT + 10


def _let_finish(site: Site) -> None:
    """Wait for the requests in Apache's own processes of the application.

    And for as long as a connection may be idle: then every client that has one was told to close.
    """
    settings = site.settings
    time.sleep(settings.keep_alive + 1)

    def is_idle() -> bool:
        rows = status.reports(site.root, settings.threads)
        return all(row["responds"] and not row["busy"] for row in rows)

    wait(is_idle, _longest_request(settings))


def _restart(parent: Process, site: Site, certificate: Certificate) -> None:
    """Restart gracefully, until all is new and the old is gone.

    :raises Problem: the new certificate is not served.
    """
    apache = Httpd(site)
    if site.settings.https_names:
        apache.configure()
    apache.check_configuration()
    settings = site.settings
    old = [one for one in processes.all_of(site.root) if one.parent == parent.pid]
    process_table.send(parent, signal.SIGUSR1)

    def is_served() -> bool:
        return certificates.served(settings.host, settings.https_port) == certificate.der

    def is_ready() -> bool:
        new = [one for one in processes.workers(site.root) if one not in old]
        return sum(processes.is_ready(one, site.root) for one in new) >= settings.processes

    if not wait(is_served, settings.start_limit):
        raise problems.tls_not_renewed(f"it was not seen in {settings.start_limit} seconds")
    if not wait(is_ready, settings.start_limit):
        raise problems.tls_not_renewed("the application did not start again")
    # Those that Apache told to go may have clients that are slow to send or to read.
    wait(
        lambda: not any(one in old for one in processes.all_of(site.root)),
        _longest_request(settings),
    )

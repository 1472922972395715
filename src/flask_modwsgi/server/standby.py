"""A second Apache of this project that answers while the first one restarts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ..apache import server_root
from ..apache.arguments import INTERRUPT
from ..config.settings import Settings
from ..machine import capacity
from . import smoke_test
from .ending import STANDBY_PORTS, end_standby
from .httpd import Httpd
from .launch import Site


@contextmanager
def serving(here: Site) -> Iterator[None]:
    """Have every new request to `here` answered by another Apache, which reads all files anew.

    It runs in the background: should this process be killed, requests go on being answered.

    :raises Problem: it does not start; nothing is handed to it then.
    """
    end_standby(here.project, here.root, longest_request(here.settings))
    ports = {"http": smoke_test.free_port(), "https": smoke_test.free_port()}
    own = replace(
        here.settings,
        host="127.0.0.1",
        port=ports["http"],
        https_port=ports["https"],
        metrics_port=None,
        telemetry_port=None,
        # What Apache says of a client it hands on is believed.
        trusted_proxies=f"127.0.0.1 {here.settings.trusted_proxies}".rstrip(),
    )
    logs = here.logs and here.logs / "stand-in"
    extra = ("--access-log-name", "/dev/null")
    root = server_root.choose(here.project, "stand-in")
    server = Httpd(replace(here, settings=own, root=root, logs=logs, extra=extra))
    try:
        if logs:
            logs.mkdir(exist_ok=True)
        server.prepare()
        server.start()
        lines = (f"{scheme} {port}\n" for scheme, port in ports.items())
        (here.root / STANDBY_PORTS).write_text("".join(lines))
        yield
    finally:
        end_standby(here.project, here.root, longest_request(here.settings))


def longest_request(settings: Settings) -> float:
    """Seconds until a request that has begun is over, one way or the other."""
    return capacity.effective_limit(settings.request_limit, settings.threads) + INTERRUPT + 10

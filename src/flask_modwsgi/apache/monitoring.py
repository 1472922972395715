"""The two pages of live figures: their part of Apache's configuration, and what they need."""

from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

from .. import problems
from ..config.settings import Settings, in_address
from ..machine.ports import check_port
from .sites import WORKER

PORTS = ("METRICS_PORT", "TELEMETRY_PORT")
# Seconds after which the telemetry page shows a request among the slow ones.
SLOW = 1


def socket(server_root: Path) -> Path:
    """Where processes report to the telemetry page; as short as ``server_root.LONGEST`` wants."""
    return server_root / "workers" / "load.sock"


def names(settings: Settings, server_root: Path) -> dict[str, object]:
    """The names in ``conf/monitoring.conf`` for the pages that are on."""
    found: dict[str, object] = {}
    if settings.metrics_port:
        found["METRICS_SCRIPT"] = WORKER / "metrics_page.py"
    if settings.telemetry_port:
        found["TELEMETRY_SCRIPT"] = WORKER / "telemetry_page.py"
        found["TELEMETRY_SOCKET"] = socket(server_root)
        found["SLOW_REQUESTS"] = SLOW
    return found


def addresses(settings: Settings) -> list[str]:
    """Where the pages that are on can be seen, in sentences."""
    host = in_address(settings.monitoring_host)
    pages = {
        "Metrics for Prometheus": (settings.metrics_port, "metrics"),
        "Live figures and slow requests": (settings.telemetry_port, ""),
    }
    return [f"{what}: http://{host}:{port}/{path}" for what, (port, path) in pages.items() if port]


def check(settings: Settings, own: Collection[int] = ()) -> None:
    """:raises Problem: a page that is on could not be served.

    :param own: As for `neighbours.check_ports`.
    """
    if settings.telemetry_port and not find_spec("mod_wsgi.telemetry"):
        raise problems.telemetry_missing(settings.telemetry_port)
    taken = {settings.port, settings.https_port} if settings.has_https else {settings.port}
    for name in PORTS:
        if port := getattr(settings, name.lower()):
            if port in taken:
                allowed = "a port that no other setting has"
                raise problems.setting_invalid(name, str(port), allowed, str(max(taken) + 1))
            taken.add(port)
            tried = 0 if port in own else port
            check_port(settings.monitoring_host, tried, name, "MONITORING_HOST")
